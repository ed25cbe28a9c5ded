"""Write fictitious studies as rows, without files and without telling anybody: no rule, feed or bell hears of them."""

from collections.abc import Callable, Sequence
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from studies.models import Instance, Series, Study, StudyLabel
from studies.seeding.invent import Invented, invent
from studies.seeding.marks import FICTITIOUS, GIVEN_BY, IMAGES, PATIENT_PREFIX, is_fictitious
from studies.statements import insert_rows

BATCH = 500


def has_real_studies() -> bool:
    """Whether anything is stored that is not fictitious."""
    return Study.objects.filter(~is_fictitious()).exists()


def next_number(seed: int) -> int:
    """The first study of this seed that is not there yet: a further run goes on where the last one ended."""
    ours = StudyLabel.objects.filter(label=FICTITIOUS, given_by=GIVEN_BY)
    prefix = f"{PATIENT_PREFIX}{seed}-"
    of_seed = ours.filter(study__patient_id__startswith=prefix).exclude(study__patient_id__startswith=prefix + IMAGES)
    last = of_seed.order_by("-pk").values_list("study__study_id", flat=True).first()
    return int(last) + 1 if last else 1


def write_records(
    count: int, *, seed: int, until: datetime, at_most: int, on_study: Callable[[], None] = lambda: None
) -> None:
    """Write the next studies of a seed.

    Args:
        count: how many.
        seed: the same seed makes the same studies, but for dates, which end at ``until``.
        at_most: instances of a study, 1 or more.
        on_study: called for each.
    """
    first = next_number(seed)
    for start in range(first, first + count, BATCH):
        numbers = range(start, min(start + BATCH, first + count))
        made = [invent(seed, number, until, at_most=at_most) for number in numbers]
        with transaction.atomic():
            _write(made)
        for _ in made:
            on_study()


def _write(made: Sequence[Invented]) -> None:
    insert_rows(Study, [each.study for each in made])
    uids = [each.study["study_instance_uid"] for each in made]
    study_pks = dict(Study.objects.filter(study_instance_uid__in=uids).values_list("study_instance_uid", "pk"))
    studies = [study_pks[uid] for uid in uids]
    now = timezone.now()
    insert_rows(
        StudyLabel,
        [{"study_id": pk, "label": FICTITIOUS, "given_by": GIVEN_BY, "given_at": now} for pk in studies],
    )
    of_study = list(zip(studies, made, strict=True))
    insert_rows(Series, [row | {"study_id": pk} for pk, each in of_study for row in each.series])
    found = Series.objects.order_by().filter(study__in=studies).values_list("series_instance_uid", "pk")
    series_pks = dict(found)
    insert_rows(
        Instance,
        [
            row | {"series_id": series_pks[series["series_instance_uid"]]}
            for each in made
            for series, rows in zip(each.series, each.instances, strict=True)
            for row in rows
        ],
    )
