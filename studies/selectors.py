"""Reads of the archive that pages and API share: the study list with its filters, and what a study consists of."""

import re
from dataclasses import dataclass
from datetime import date, datetime

from django.db.models import Count, Exists, F, Max, OuterRef, Q, QuerySet, Sum, Value

from studies.lookups import WholeWildcard, Wildcard
from studies.models import Conflict, IdentityClash, Instance, Study, StudyLabel

MAXIMUM_FILTER_LENGTH = 200
FREE_TEXT_FIELDS = ("patient_name", "patient_id", "accession_number", "study_description", "study_instance_uid")
# From one code to the next in the index: DISTINCT would read the entry of every series.
_BETWEEN_WORDS = re.compile(r"[\s,^]+")
_BETWEEN_CODES = re.compile(r"[\s,;\\]+")


@dataclass(frozen=True)
class StudyFilters:
    """What a study must have; an empty value asks nothing.

    Text is found anywhere in the attribute, without regard to case; ``*`` stands for any text, ``?`` for one
    character. A name is found by its words in any order. ``modality`` takes several codes, separated by commas,
    of which the study has at least one. ``q`` looks for each of its words in name, identifiers and description.
    ``is_odd`` asks for an instance whose header was read as well as it goes. ``sender`` is the whole AE title, in its
    own case, unless it has wildcards; ``label`` is a whole label; ``received_to`` itself is no longer in the range.
    """

    patient_id: str = ""
    patient_name: str = ""
    accession_number: str = ""
    modality: str = ""
    study_date_from: date | None = None
    study_date_to: date | None = None
    description: str = ""
    tier: str = ""
    q: str = ""
    is_odd: bool = False
    sender: str = ""
    received_from: datetime | None = None
    received_to: datetime | None = None
    label: str = ""
    is_complete: bool | None = None


def list_studies(filters: StudyFilters) -> QuerySet[Study]:
    """Studies that satisfy all filters, newest first."""
    studies = Study.objects.filter(
        _text("patient_id", filters.patient_id),
        _text("accession_number", filters.accession_number),
        _text("study_description", filters.description),
        _words(("patient_name",), filters.patient_name),
        _words(FREE_TEXT_FIELDS, filters.q),
        _modalities(filters.modality),
        _ae_title(filters.sender),
        _received(filters.received_from, filters.received_to),
        _label(filters.label),
    )
    if filters.study_date_from:
        studies = studies.filter(study_date__gte=filters.study_date_from.strftime("%Y%m%d"))
    if filters.study_date_to:
        # Without a date a study is in no range, but its empty text would sort before every date.
        studies = studies.filter(study_date__gt="", study_date__lte=filters.study_date_to.strftime("%Y%m%d"))
    if filters.is_odd:
        studies = studies.filter(Exists(odd_instances().filter(series__study=OuterRef("pk"))))
    if filters.tier:
        studies = studies.filter(tier=filters.tier)
    if filters.is_complete:
        studies = studies.filter(completed_at__isnull=False)
    elif filters.is_complete is not None:
        # Asked from the few that are not, which have an index: SQLite would walk all studies in the list's order.
        studies = studies.filter(pk__in=Study.objects.filter(completed_at=None).order_by().values("pk"))
    return studies


def others_of_patient(study: Study) -> QuerySet[Study]:
    """Other studies with the same Patient ID of the same issuer, the latest first; without an ID there are none."""
    if not study.patient_id:
        return Study.objects.none()
    same = Study.objects.filter(patient_id=study.patient_id, issuer_of_patient_id=study.issuer_of_patient_id)
    return same.exclude(pk=study.pk).order_by("-study_date", "-received_at", "-pk")


def instances_of(study: Study) -> QuerySet[Instance]:
    """All instances of a study, in the order in which they came."""
    return Instance.objects.filter(series__study=study).order_by("pk")


def studies_with_series(study_instance_uids: list[str]) -> list[Study]:
    """Stored studies with their series, in two queries, in the order of the UIDs."""
    found = Study.objects.filter(study_instance_uid__in=study_instance_uids).prefetch_related("series")
    return sorted(found, key=lambda study: study_instance_uids.index(study.study_instance_uid))


def odd_instances() -> QuerySet[Instance]:
    """Instances whose header was read as well as it goes."""
    return Instance.objects.exclude(header_note="")


def conflicts() -> QuerySet[Conflict]:
    """All conflicts with what a page shows of them: open ones first, newest first."""
    # PostgreSQL sorts null last unless it is told, SQLite first.
    return Conflict.objects.select_related("instance__series__study", "other").order_by(
        F("resolved_at").asc(nulls_first=True), "-received_at", "-pk"
    )


def open_conflicts() -> QuerySet[Conflict]:
    """Conflicts that nobody has marked as seen."""
    return Conflict.objects.filter(resolved_at=None)


def identity_clashes() -> QuerySet[IdentityClash]:
    """All identity clashes with what a page shows of them: open ones first, newest first."""
    return IdentityClash.objects.select_related("study", "instance").order_by(
        F("resolved_at").asc(nulls_first=True), "-received_at", "-pk"
    )


def open_identity_clashes() -> QuerySet[IdentityClash]:
    """Identity clashes that nobody has marked as seen."""
    return IdentityClash.objects.filter(resolved_at=None)


@dataclass(frozen=True)
class OpenCounts:
    """How many of each kind nobody has marked as seen."""

    conflicts: int
    identity_clashes: int


def open_counts() -> OpenCounts:
    """Both in one query: every page shows their sum."""
    kinds = [("conflicts", open_conflicts()), ("identity_clashes", open_identity_clashes())]
    one, other = (
        rows.order_by()
        .annotate(kind=Value(kind))
        .values("kind")
        .annotate(count=Count("pk"))
        .values_list("kind", "count")
        for kind, rows in kinds
    )
    found = dict(one.union(other, all=True))
    return OpenCounts(**{kind: found.get(kind, 0) for kind, _ in kinds})


@dataclass(frozen=True)
class StoredTotals:
    """How much the archive holds, and when it last grew."""

    studies: int
    instances: int
    size_bytes: int
    last_received_at: datetime | None


def stored_totals() -> StoredTotals:
    """Sums over the study rows: they are kept up to date by the index, so no instance is counted."""
    sums = Study.objects.aggregate(
        studies=Count("pk"),
        instances=Sum("number_of_study_related_instances"),
        size_bytes=Sum("size_bytes"),
        last_received_at=Max("last_received_at"),
    )
    return StoredTotals(
        studies=sums["studies"],
        instances=sums["instances"] or 0,
        size_bytes=sums["size_bytes"] or 0,
        last_received_at=sums["last_received_at"],
    )


def _text(field: str, pattern: str) -> Q:
    pattern = _clean(pattern)
    return _either_case(field, pattern) if pattern else Q()


def _words(fields: tuple[str, ...], text: str) -> Q:
    wanted = Q()
    for word in filter(None, _BETWEEN_WORDS.split(_clean(text))):
        anywhere = Q()
        for field in fields:
            anywhere |= _either_case(field, word)
        wanted &= anywhere
    return wanted


def _modalities(codes: str) -> Q:
    wanted = Q()
    for code in filter(None, _BETWEEN_CODES.split(_clean(codes).upper())):
        wanted |= Q(modalities_in_study__contains=f"\\{code}\\")
    return wanted


def _ae_title(pattern: str) -> Q:
    pattern = _clean(pattern)
    if not pattern:
        return Q()
    if "*" in pattern or "?" in pattern:
        return Q(WholeWildcard(F("calling_ae_title"), pattern))
    return Q(calling_ae_title=pattern)


def _received(first: datetime | None, end: datetime | None) -> Q:
    wanted = Q()
    if first:
        wanted &= Q(received_at__gte=first)
    if end:
        wanted &= Q(received_at__lt=end)
    return wanted


def _label(label: str) -> Q:
    label = _clean(label)
    # Asked from the label's side: asked of each study, a rare label would have the whole table read.
    return Q(pk__in=StudyLabel.objects.filter(label=label).order_by().values("study")) if label else Q()


def _either_case(field: str, pattern: str) -> Q:
    # SQLite knows upper and lower case of ASCII letters only.
    forms = {pattern} if pattern.isascii() else {pattern, pattern.upper(), pattern.lower(), pattern.title()}
    wanted = Q()
    for form in sorted(forms):
        wanted |= Q(Wildcard(F(field), form))
    return wanted


def _clean(text: str) -> str:
    return text.replace("\0", "").strip()[:MAXIMUM_FILTER_LENGTH]
