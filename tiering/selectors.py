"""Moves as pages show them."""

from django.db.models import Count, Q, QuerySet

from studies.models import Study, Tier
from tiering.models import Damage, Location, Move, MoveState, Policy
from tiering.models.moves import OPEN

MOVE_TABS: dict[str, tuple[str, ...]] = {
    "open": OPEN,
    "failed": (MoveState.FAILED,),
    "done": (MoveState.DONE,),
    "all": tuple(MoveState.values),
}
DAMAGE_TABS: dict[str, Q] = {"all": Q(), "open": Q(repaired_at=None), "repaired": Q(repaired_at__isnull=False)}


def open_moves() -> QuerySet[Move]:
    """What is under way or waits, in the order in which it is done."""
    return list_moves("open").order_by("priority", "next_attempt_at", "pk")


def open_move_of(study: Study) -> Move | None:
    """The one that it is on or waits for; None when it stays where it is."""
    return open_moves().filter(study=study).first()


def list_moves(tab: str) -> QuerySet[Move]:
    """Moves of a tab, the latest first."""
    return Move.objects.filter(state__in=MOVE_TABS[tab]).select_related("study", "policy")


def move_counts() -> dict[str, int]:
    """How many are in each tab."""
    counts = dict(Move.objects.order_by().values_list("state").annotate(count=Count("pk")))
    return {tab: sum(counts.get(state, 0) for state in states) for tab, states in MOVE_TABS.items()}


def tiers_with_locations() -> list[tuple[str, str]]:
    """Tiers that studies may be moved to, with their names: those that have a location, and the hot one."""
    there = {Tier.HOT, *Location.objects.filter(is_enabled=True).values_list("tier", flat=True)}
    return [(tier, str(label)) for tier, label in Tier.choices if tier in there]


def tiers_to_choose(study: Study) -> list[tuple[str, str]]:
    """Of these, the ones that a study is not on."""
    return [(tier, label) for tier, label in tiers_with_locations() if tier != study.tier]


def policies_with_counts() -> QuerySet[Policy]:
    """Policies, each with how many of its moves are open and done."""
    is_open, is_done = Q(moves__state__in=OPEN), Q(moves__state=MoveState.DONE)
    return Policy.objects.annotate(open_count=Count("moves", filter=is_open), done_count=Count("moves", filter=is_done))


def open_damage() -> QuerySet[Damage]:
    """What was read back wrong and could not be repaired yet, the latest first."""
    return list_damage("open")


def list_damage(tab: str) -> QuerySet[Damage]:
    """Damage of a tab, the latest first."""
    return Damage.objects.filter(DAMAGE_TABS[tab]).select_related("instance__series__study", "pack__study")


def damage_counts() -> dict[str, int]:
    """How many are in each tab."""
    return Damage.objects.aggregate(
        **{tab: Count("pk", filter=asked) for tab, asked in DAMAGE_TABS.items() if asked}, all=Count("pk")
    )


def failed_moves() -> QuerySet[Move]:
    """Moves that were given up: somebody has to look."""
    return Move.objects.filter(state=MoveState.FAILED)
