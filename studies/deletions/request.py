"""Delete a study, a series or an instance: the rows in one transaction, with the record of it and of its files."""

import logging
from collections.abc import Collection

from django.db import transaction
from django.db.models import Count, ProtectedError, Q, Sum

from dicomnet.audit import Action, Entry, record
from studies.changes.models import ChangeKind
from studies.changes.record import record_changes
from studies.deletions.models import DeletedFile, Deletion
from studies.errors import DeletionRefused, NotStored
from studies.holds import awaiting_commitment
from studies.labels import LEGAL_HOLD, is_on_legal_hold
from studies.models import Instance, Series, Study
from studies.rows import modalities_column
from studies.sight import whole

logger = logging.getLogger(__name__)
BATCH = 1000


def delete(study_uid: str, series_uid: str = "", sop_uid: str = "", *, by: str) -> Deletion:
    """Delete all contents of what these UIDs name.

    Raises:
        NotStored: nothing has them.
        DeletionRefused: it is on legal hold, a device waits for the proof that it is stored, or it was delivered or is
            to be: the record of deliveries needs it.
    """
    try:
        with transaction.atomic():
            # The index takes the same lock: what comes in meanwhile comes before or after.
            study = Study.objects.select_for_update().filter(study_instance_uid=study_uid).first()
            if study is None:
                raise NotStored
            if is_on_legal_hold(study):
                raise DeletionRefused(f"It has the label “{LEGAL_HOLD}”: take that off first.")
            deletion = _delete(study, series_uid, sop_uid, by)
            record(_on_record(study, deletion))
            record_changes(ChangeKind.DELETED, {study_uid: deletion.number_of_instances})
    except ProtectedError as error:
        raise DeletionRefused("It was delivered, or is to be, and the record of deliveries needs it.") from error
    level = "instance" if sop_uid else "series" if series_uid else "study"
    extra = {"deletion": deletion.pk, "level": level, "count": deletion.number_of_instances, "by": by}
    logger.warning("deleted", extra=extra)
    return deletion


def _delete(study: Study, series_uid: str, sop_uid: str, by: str) -> Deletion:
    wanted = Instance.objects.filter(series__study=study)
    if series_uid:
        wanted = wanted.filter(series__series_instance_uid=series_uid)
    if sop_uid:
        wanted = wanted.filter(sop_instance_uid=sop_uid)
    rows = list(wanted.values_list("pk", "series_id", "location", "sop_instance_uid"))
    if not rows:
        raise NotStored
    if any(
        awaiting_commitment([row[0] for row in rows[start : start + BATCH]]) for start in range(0, len(rows), BATCH)
    ):
        raise DeletionRefused("A device waits for the proof that it is stored; try again in a minute.")
    series_pks = sorted({row[1] for row in rows})
    deletion = Deletion.objects.create(
        study_instance_uid=study.study_instance_uid,
        series_instance_uid=series_uid,
        sop_instance_uid=sop_uid,
        number_of_instances=len(rows),
        series_pks=series_pks,
        requested_by=by[:150],
    )
    files = [DeletedFile(deletion=deletion, location=row[2]) for row in rows]
    DeletedFile.objects.bulk_create(files, batch_size=BATCH)
    if series_uid:
        for start in range(0, len(rows), BATCH):
            Instance.objects.filter(pk__in=[row[0] for row in rows[start : start + BATCH]]).delete()
        Series.objects.filter(pk__in=series_pks, instances=None).delete()
    else:
        study.delete()
    with whole():  # another content of the same UID may be in a study that who deletes does not see
        _promote({row[3] for row in rows})
    if series_uid:
        _count_again(study, series_pks)
    return deletion


def _on_record(study: Study, deletion: Deletion) -> Entry:
    which = {"series": deletion.series_instance_uid, "instance": deletion.sop_instance_uid}
    return Entry(
        Action.DELETED,
        patient_id=study.patient_id,
        study_instance_uid=study.study_instance_uid,
        subject=f"by {deletion.requested_by}",
        number=deletion.number_of_instances,
        detail={name: uid for name, uid in which.items() if uid},
    )


def _promote(sop_uids: Collection[str]) -> None:
    """Of a UID whose primary content is gone, another content that another series holds becomes the primary one."""
    uids = sorted(sop_uids)
    for start in range(0, len(uids), BATCH):
        left = Instance.objects.filter(sop_instance_uid__in=uids[start : start + BATCH]).order_by("-pk")
        first = {row.sop_instance_uid: row for row in left}
        with_primary = {row.sop_instance_uid for row in left if row.is_primary}
        for uid in first.keys() - with_primary:
            Instance.objects.filter(pk=first[uid].pk).update(is_primary=True)


def _count_again(study: Study, series_pks: Collection[int]) -> None:
    counted = {"count": Count("instances", filter=Q(instances__is_primary=True)), "size": Sum("instances__size_bytes")}
    for series in Series.objects.filter(pk__in=series_pks).annotate(**counted):
        found = {"number_of_series_related_instances": series.count, "size_bytes": series.size or 0}  # type: ignore[attr-defined]
        Series.objects.filter(pk=series.pk).update(**found)
    left = list(study.series.all())
    if not left:
        study.delete()
        return
    Study.objects.filter(pk=study.pk).update(
        number_of_study_related_series=len(left),
        number_of_study_related_instances=sum(each.number_of_series_related_instances for each in left),
        size_bytes=sum(each.size_bytes for each in left),
        modalities_in_study=modalities_column(each.modality for each in left),
    )
