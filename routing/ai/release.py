"""What people decide on results that the gate held back."""

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from routing.ai.hand_on import hand_on_by_person
from routing.ai.models import AIResult, AIVerdict

HELD_BACK = (AIVerdict.QUARANTINED, AIVerdict.DUPLICATE, AIVerdict.KEPT)


class NotHeldBack(Exception):
    """The result is not one that waits for a person's decision; the message says why."""


class GoesNowhere(Exception):
    """There is no destination to release the result to; the message says what to do."""


@transaction.atomic
def release(result: AIResult, *, by: str) -> int:
    """Send a result on as if the gate had accepted it; returns to how many destinations it goes.

    Raises:
        NotHeldBack: it was accepted or released before, or is not judged yet.
        GoesNowhere: its worker is gone, or its pool has no result destination.
    """
    row = AIResult.objects.select_related("instance", "request__pool", "worker__pool").get(pk=result.pk)
    pool = row.request.pool if row.request else row.worker.pool if row.worker else None
    if pool is None:
        raise GoesNowhere(_("Its worker was deleted, so there is no pool whose destinations it could go to."))
    _decide(row, AIVerdict.RELEASED, by)
    count = hand_on_by_person(row.instance, pool, by)
    if not count:
        raise GoesNowhere(
            _("The pool %(name)s has no result destination: choose one there first.") % {"name": pool.name}
        )
    return count


def keep(result: AIResult, *, by: str) -> None:
    """Leave a quarantined result where it is, and take it off the list of what asks for attention.

    Raises:
        NotHeldBack: it is not quarantined.
    """
    _decide(result, AIVerdict.KEPT, by, among=(AIVerdict.QUARANTINED,))


def _decide(result: AIResult, verdict: AIVerdict, by: str, *, among: tuple[AIVerdict, ...] = HELD_BACK) -> None:
    rows = AIResult.objects.filter(pk=result.pk, verdict__in=among)
    if not rows.update(verdict=verdict, released_by=by, judged_at=timezone.now()):
        result.refresh_from_db(fields=["verdict"])
        raise NotHeldBack(
            _("A result that is “%(verdict)s” needs no decision.") % {"verdict": result.get_verdict_display()}
        )
