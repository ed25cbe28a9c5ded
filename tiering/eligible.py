"""Which studies may be moved without a person asking for it, and which of them a policy's conditions mean."""

from datetime import datetime, timedelta
from functools import reduce
from typing import Any

from django.db.models import Exists, F, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Coalesce, Length, Replace
from django.utils import timezone

from studies.labels import LEGAL_HOLD
from studies.models import Study, StudyLabel, Tier
from studies.seeding.marks import is_record
from tiering.conditions import Conditions
from tiering.models import Move, MoveState
from tiering.models.moves import OPEN

# A study that somebody had brought back is read for a while; and what fails or was cancelled is not tried every minute.
LEFT_ALONE = timedelta(days=1)
MB = 1_000_000


def movable(now: datetime) -> QuerySet[Study]:
    """Studies that are complete, have images, are on no way elsewhere, on no legal hold, and not to be left alone.

    Each has ``last_used_at``: when it was read last, or came in when it never was.
    """
    moves = Move.objects.filter(study=OuterRef("pk")).order_by()
    has_ended = Q(state__in=[MoveState.FAILED, MoveState.CANCELLED]) | Q(state=MoveState.DONE, to_tier=Tier.HOT)
    return Study.objects.filter(
        ~Exists(moves.filter(state__in=OPEN)),
        ~Exists(moves.filter(has_ended, finished_at__gt=now - LEFT_ALONE)),
        ~Exists(_labelled(LEGAL_HOLD)),
        ~is_record(),
        completed_at__isnull=False,
    ).annotate(last_used_at=Coalesce("used_at", "last_received_at"))


def meeting(conditions: Conditions, studies: QuerySet[Study], now: datetime) -> QuerySet[Study]:
    """Those of ``movable`` studies that meet all conditions, but for ``above_percent``, which asks the disk."""
    for name, ask in (("older_than_days", "last_received_at"), ("not_used_for_days", "last_used_at")):
        days = getattr(conditions, name)
        if days is not None:
            studies = studies.filter(**{f"{ask}__lte": now - timedelta(days=days)})
    if conditions.study_older_than_days is not None:
        studies = _dated_before(studies, now, conditions.study_older_than_days)
    if conditions.modalities:
        studies = studies.filter(
            _any("modalities_in_study__icontains", [f"\\{each}\\" for each in conditions.modalities])
        )
    if conditions.sources:
        studies = studies.filter(calling_ae_title__in=conditions.sources)
    if conditions.description_contains:
        studies = studies.filter(study_description__icontains=conditions.description_contains)
    if conditions.larger_than_mb is not None:
        studies = studies.filter(size_bytes__gt=conditions.larger_than_mb * MB)
    if conditions.smaller_than_mb is not None:
        studies = studies.filter(size_bytes__lt=conditions.smaller_than_mb * MB)
    if conditions.labels:
        studies = studies.filter(Exists(_labelled(*conditions.labels)))
    if conditions.not_labels:
        studies = studies.filter(~Exists(_labelled(*conditions.not_labels)))
    return studies


def _labelled(*labels: str) -> QuerySet[StudyLabel]:
    return StudyLabel.objects.filter(_any("label__iexact", labels), study=OuterRef("pk")).order_by()


def _any(lookup: str, values: Any) -> Q:
    return reduce(Q.__or__, (Q(**{lookup: value}) for value in values))


def _dated_before(studies: QuerySet[Study], now: datetime, days: int) -> QuerySet[Study]:
    """By Study Date, of eight digits; as text 2026.1.2 and the like would count as older than any day of that year."""
    day = (timezone.localdate(now) - timedelta(days=days)).strftime("%Y%m%d")
    # Not by a regular expression: SQLite would call Python for each row.
    rest: F | Replace = F("study_date")
    for digit in "0123456789":
        rest = Replace(rest, Value(digit))
    dated = studies.alias(rest=rest, characters=Length("study_date"))
    return dated.filter(study_date__range=("00010101", day), rest="", characters=8)
