"""What a person decides on conflicts and identity clashes: that they were seen, and which content is in use."""

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from studies.models import Conflict, IdentityClash, Instance, Series, Study


def mark_as_seen(rows: QuerySet[Conflict] | QuerySet[IdentityClash], *, by: str) -> int:
    """Take open ones off the list of what asks for attention; returns how many there were.

    Args:
        rows: what was seen.
        by: user name of who saw it.
    """
    return rows.filter(resolved_at=None).update(resolved_at=timezone.now(), resolved_by=by)


@transaction.atomic
def choose_primary(conflict_pk: int, instance_pk: int, *, by: str) -> bool:
    """Make one content of a conflict the primary one, which searches count and show; both stay stored.

    Returns:
        Whether it is now; not when the conflict is not between this content and another any more.
    """
    uids = Instance.objects.filter(pk=instance_pk).values("sop_instance_uid")
    # The index takes the same locks in the same order: nothing is counted or judged under this UID meanwhile.
    of_studies = Study.objects.filter(series__instances__sop_instance_uid__in=uids).values("pk")
    list(Study.objects.select_for_update().filter(pk__in=of_studies).order_by("pk"))
    conflict = Conflict.objects.filter(pk=conflict_pk).select_related("instance__series", "other__series").first()
    if conflict is None or instance_pk not in (conflict.instance_id, conflict.other_id):
        return False
    if instance_pk == conflict.other_id:
        _set_primary(conflict.instance, is_primary=False)
        _set_primary(conflict.other, is_primary=True)
        # Each content that is not the primary one has one row, which names the primary one.
        Conflict.objects.filter(pk=conflict.pk).update(other=conflict.instance)
        Conflict.objects.filter(instance=conflict.instance).update(instance=conflict.other)
    mark_as_seen(Conflict.objects.filter(pk=conflict.pk), by=by)
    return True


def _set_primary(instance: Instance, *, is_primary: bool) -> None:
    change = 1 if is_primary else -1
    Instance.objects.filter(pk=instance.pk).update(is_primary=is_primary)
    Series.objects.filter(pk=instance.series_id).update(
        number_of_series_related_instances=F("number_of_series_related_instances") + change
    )
    Study.objects.filter(pk=instance.series.study_id).update(
        number_of_study_related_instances=F("number_of_study_related_instances") + change
    )
