"""Whatever is moved, rots, is repaired or breaks off, in whatever order: of each instance a right copy is left.

And nothing goes but for as many right copies as there have to be, nothing that is held, and nothing under a legal hold.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.utils import timezone
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from routing.models import Delivery
from studies.integrity import path_of
from studies.labels import LEGAL_HOLD
from studies.models import Instance, Study, StudyLabel, Tier
from tests.factories import DeliveryFactory
from tests.retrieving import keep_study
from tests.tiering.conftest import folder_location
from tests.tiering.damaging import a_month_passes, flip_bit, flip_copy, object_of
from tests.tiering.test_moves import STEPS, Killed, Step, killed_at
from tiering import orphans, remove
from tiering.ask import ask_for_move
from tiering.carry_out import work
from tiering.errors import MoveRefused, StoreError, TierError
from tiering.models import Copy, Damage, Location, Move, Pack, PackState, Policy
from tiering.policies import apply_all
from tiering.scrub import scrub
from tiering.settings import minimum_copies

INSTANCES = 2
NUMBERS = st.integers(0, INSTANCES - 1)
# To and fro between two of them is where copies are relied on that were made earlier.
TIERS = st.sampled_from([Tier.HOT, Tier.COLD, Tier.HOT, Tier.COLD, Tier.ARCHIVE])
AWAY = st.sampled_from([Tier.COLD, Tier.COLD, Tier.ARCHIVE])
ROTS = st.sampled_from(["first copy", "last copy", "file"])
FILES_NEEDED: Step = (remove, "held")


def hot_is_right(instance: Instance) -> bool:
    try:
        content = path_of(instance).read_bytes()
    except FileNotFoundError:
        return False
    return is_right(instance, content)


def copy_is_right(copy: Copy) -> bool:
    try:
        content = object_of(copy.pack).read_bytes()
    except FileNotFoundError:
        return False
    return is_right(copy.instance, content[copy.offset : copy.offset + copy.instance.size_bytes])


def is_right(instance: Instance, content: bytes) -> bool:
    data_set = content[instance.data_set_offset :]
    return len(content) == instance.size_bytes and hashlib.sha256(data_set).hexdigest() == instance.sha256


def copies_of(instance: Instance) -> list[Copy]:
    """Those that somebody may count on: what is being written or removed goes as it likes."""
    kept = Copy.objects.filter(instance=instance, pack__state__in=[PackState.VERIFIED, PackState.DAMAGED])
    return list(kept.select_related("pack__location", "instance").order_by("pk"))


@dataclass(frozen=True)
class Before:
    """One instance before workers had their turn.

    Attributes:
        relied_on: objects of packs that counted as verified and had it as it is.
        is_needed: by a delivery.
    """

    tier: str
    has_file: bool
    relied_on: frozenset[Path]
    is_needed: bool


class Shelves(RuleBasedStateMachine):
    """What people, policies and disks may do to one study; the disks leave one right copy of each instance."""

    def __init__(self) -> None:
        super().__init__()
        for model in (Delivery, Move, Damage, Copy, Pack, Study, Policy):
            model.objects.all().delete()
        Location.objects.update(is_enabled=True)
        self.copies_needed(1)
        keep_study(instances=INSTANCES)
        Instance.objects.update(planned_at=timezone.now())
        Study.objects.update(completed_at=timezone.now())
        self.study = Study.objects.get()

    def instance(self, number: int) -> Instance:
        return Instance.objects.order_by("pk")[number]

    def right_places(self, instance: Instance) -> int:
        return hot_is_right(instance) + sum(map(copy_is_right, copies_of(instance)))

    @contextmanager
    def workers_turn(self) -> Iterator[None]:
        """No disk loses anything in it: whatever is gone at its end, workers have removed."""
        Move.objects.update(next_attempt_at=timezone.now(), lease_until=None)
        before = {instance.pk: self.as_it_is(instance) for instance in Instance.objects.all()}
        yield
        for instance in Instance.objects.all():
            self.expect_that_nothing_went_without_reason(instance, before[instance.pk])

    def as_it_is(self, instance: Instance) -> Before:
        return Before(
            tier=instance.tier,
            has_file=path_of(instance).exists(),
            relied_on=frozenset(
                object_of(copy.pack)
                for copy in copies_of(instance)
                if copy.pack.state == PackState.VERIFIED and copy_is_right(copy)
            ),
            is_needed=Delivery.objects.filter(instance=instance, state="pending").exists(),
        )

    def expect_that_nothing_went_without_reason(self, instance: Instance, before: Before) -> None:
        lost_file = before.has_file and not path_of(instance).exists()
        lost = lost_file or not all(path.exists() for path in before.relied_on)
        right = {copy.pack.location.name for copy in copies_of(instance) if copy_is_right(copy)}
        in_tier = {name for name in right if name.startswith(instance.tier)}
        assert not lost or len(in_tier) >= minimum_copies(), (instance.tier, before, right)
        assert not (lost_file and before.is_needed)
        if instance.tier == Tier.HOT != before.tier:
            assert hot_is_right(instance)

    @rule(count=st.integers(1, 2))
    def copies_needed(self, count: int) -> None:
        django_settings.GANTRY = replace(django_settings.GANTRY, tier_copies=count)

    def may_rot(self, instance: Instance) -> bool:
        """Another right copy is left; one that nobody has read back, or that is to go, is none."""
        unproven = Copy.objects.filter(instance=instance, pack__state__in=[PackState.WRITING, PackState.REMOVING])
        return self.right_places(instance) - sum(map(copy_is_right, unproven.select_related("pack__location"))) > 1

    @rule(tier=TIERS)
    def ask(self, tier: str) -> None:
        with suppress(MoveRefused):
            ask_for_move(self.study, tier, by="somebody")

    @rule(tier=TIERS)
    def move(self, tier: str) -> None:
        self.ask(tier)
        self.work_on()

    @rule()
    def work_on(self) -> None:
        with self.workers_turn():
            work(seconds=20)

    @rule(step=st.sampled_from(STEPS), call=st.integers(1, 3))
    def work_until_killed(self, step: Step, call: int) -> None:
        with self.workers_turn(), killed_at(*step, call), suppress(Killed):
            work(seconds=20)

    @rule(first=TIERS, tier=AWAY, rots=ROTS, number=NUMBERS, is_seen=st.booleans(), count=st.integers(1, 2))
    def what_was_put_away_rots_before_its_files_go(
        self, first: str, tier: str, rots: str, number: int, *, is_seen: bool, count: int
    ) -> None:
        """That is when a copy begins to be relied on."""
        self.copies_needed(count)
        self.move(first)
        self.ask(tier)
        self.work_until_killed(FILES_NEEDED, 1)
        self.rot(rots, number, is_seen=is_seen)
        self.work_on()

    @rule(tier=AWAY, rots=ROTS, number=NUMBERS)
    def what_came_back_rots_before_it_is_put_away(self, tier: str, rots: str, number: int) -> None:
        self.move(tier)
        self.move(Tier.HOT)
        self.rot(rots, number, is_seen=False)
        self.move(tier)

    @rule(tier=AWAY, number=NUMBERS)
    def one_of_two_copies_rots_before_it_comes_back(self, tier: str, number: int) -> None:
        self.copies_needed(2)
        self.move(tier)
        self.rot("last copy", number, is_seen=False)
        self.move(Tier.HOT)

    @rule(tier=AWAY, number=NUMBERS)
    def a_damaged_pack_holds_the_last_copy_of_another(self, tier: str, number: int) -> None:
        self.move(tier)
        self.move(Tier.HOT)
        self.rot("last copy", number, is_seen=True)
        self.rot("file", INSTANCES - 1 - number, is_seen=False)
        self.sweep()

    @rule(rots=ROTS, number=NUMBERS, is_seen=st.booleans())
    def rot(self, rots: str, number: int, *, is_seen: bool) -> None:
        """A right one is left; that one is gone may be found out at once."""
        instance = self.instance(number)
        if not self.may_rot(instance):
            return
        right = [copy for copy in copies_of(instance) if copy_is_right(copy)]
        if rots == "file" and hot_is_right(instance):
            a_month_passes()
            flip_bit(path_of(instance), instance.size_bytes - 1)
        elif rots != "file" and right:
            copy = right[0 if rots == "first copy" else -1]
            a_month_passes()
            flip_copy(copy)
            if is_seen:
                Pack.objects.filter(pk=copy.pack_id).update(state=PackState.DAMAGED)

    @rule()
    def read_all_again(self) -> None:
        a_month_passes()
        with suppress(StoreError):
            scrub(seconds=20)

    @rule()
    def sweep(self) -> None:
        with suppress(TierError):
            orphans.sweep_packs()

    @rule(name=st.sampled_from(["cold", "cold 2", "archive", "archive 2"]), is_enabled=st.booleans())
    def turn_location(self, name: str, is_enabled: bool) -> None:
        Location.objects.filter(name=name).update(is_enabled=is_enabled)

    @rule(number=NUMBERS, tier=AWAY)
    def is_put_away_while_it_is_to_be_delivered(self, number: int, tier: str) -> None:
        self.move(Tier.HOT)
        DeliveryFactory.create(instance=self.instance(number))
        self.move(tier)

    @rule()
    def deliver(self) -> None:
        Delivery.objects.update(state="delivered")

    @rule(tier=AWAY, is_held=st.booleans())
    def apply_a_policy(self, tier: str, is_held: bool) -> None:
        """Days later: what was moved by somebody a moment ago is left alone."""
        StudyLabel.objects.all().delete()
        if is_held:
            StudyLabel.objects.create(study=self.study, label=LEGAL_HOLD, given_by="rule")
        now = Study.objects.get()
        Policy.objects.all().delete()
        if now.tier != tier:
            Policy.objects.create(name="all", from_tier=now.tier, to_tier=tier, is_enabled=True)
        known = set(Move.objects.values_list("pk", flat=True))
        apply_all(timezone.now() + timedelta(days=2))
        assert not is_held or set(Move.objects.values_list("pk", flat=True)) == known
        self.work_on()

    @invariant()
    def a_right_copy_is_left(self) -> None:
        for instance in Instance.objects.all():
            assert self.right_places(instance) >= 1, Move.objects.values("to_tier", "state", "last_error")

    @invariant()
    def what_is_hot_has_a_file(self) -> None:
        for instance in Instance.objects.filter(tier=Tier.HOT):
            assert path_of(instance).exists()


def run(examples: int, **others: object) -> None:
    """Several orders of events, of ten each.

    Args:
        examples: so many at most.
        others: settings of Hypothesis.
    """
    run_state_machine_as_test(
        Shelves,
        settings=settings(
            max_examples=examples,
            stateful_step_count=10,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
            **others,  # type: ignore[arg-type]
        ),
    )


def looks_only() -> dict[str, object]:
    """The same orders of events each time, and the first failure is enough."""
    return {
        "phases": [Phase.generate],
        "derandomize": True,
        "database": None,
        "report_multiple_bugs": False,
    }


@pytest.fixture
def shelves(cold: Location, archive: Location, elsewhere: Path) -> None:
    """Two locations of each tier."""
    folder_location(elsewhere, "cold 2", Tier.COLD)
    folder_location(elsewhere, "archive 2", Tier.ARCHIVE)


@pytest.mark.django_db
@pytest.mark.usefixtures("shelves")
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(
    "examples", [pytest.param(15, id="sample"), pytest.param(500, id="whole", marks=pytest.mark.faults)]
)
def test_no_order_of_events_loses_the_last_copy(examples: int) -> None:
    run(examples)
