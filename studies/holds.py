"""Why an instance's file has to stay where it is quickly read: somebody still needs it."""

from collections.abc import Callable, Collection, Iterable

from django.conf import settings
from django.utils.module_loading import import_string

from studies.commitments.models import CommitmentItem, CommitmentState
from studies.models import Instance

Hold = Callable[[Collection[int]], Iterable[int]]


def held(instance_pks: Collection[int]) -> set[int]:
    """Those of these instances that one of ``settings.INSTANCE_HOLDS`` needs."""
    return {pk for path in settings.INSTANCE_HOLDS for pk in hold_of(path)(instance_pks)}


def hold_of(path: str) -> Hold:
    """The function under a dotted path: it is given keys of instances, and gives those that it needs."""
    hold: Hold = import_string(path)
    return hold


def undecided(instance_pks: Collection[int]) -> Iterable[int]:
    """No rule has seen them yet."""
    return Instance.objects.filter(pk__in=instance_pks, planned_at=None).values_list("pk", flat=True)


def awaiting_commitment(instance_pks: Collection[int]) -> Iterable[int]:
    """A device waits for the proof that they are stored, for which they are read."""
    uids = CommitmentItem.objects.filter(is_checked=False, commitment__state=CommitmentState.VERIFYING).values_list(
        "sop_instance_uid", flat=True
    )
    return Instance.objects.filter(pk__in=instance_pks, sop_instance_uid__in=uids).values_list("pk", flat=True)
