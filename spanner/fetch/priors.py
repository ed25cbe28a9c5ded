"""Bring a patient's earlier studies here ahead of time: those that other archives have and this one has not."""

from django.db.models import Q

from spanner.answers import text_of
from spanner.errors import FetchRefused, SpanFailed
from spanner.fetch.ask import AHEAD, fetch_study
from spanner.models import ConfigSource, Fetch, SourceKind, SpanningConfig
from spanner.question import ISSUER, PATIENT_ID, STUDY_DATE, STUDY_UID, question
from spanner.search import span
from studies.errors import InvalidQuery
from studies.models import Study
from studies.query.keys import QueryLevel

MOST = 50


def fetch_priors(
    config: SpanningConfig, patient_id: str, issuer: str = "", *, count: int, by: str, before: str = ""
) -> list[Fetch]:
    """Have the latest studies of a patient brought here that are not here.

    Args:
        config: the federation that is asked.
        patient_id: as the federation has it.
        issuer: Issuer of Patient ID; empty: any.
        count: of the latest studies; those that are here count too.
        by: a user, an API key, or a rule.
        before: only studies of this date (DA) or an earlier one; empty: all.
    """
    wanted = {PATIENT_ID: patient_id, ISSUER: issuer, STUDY_DATE: f"-{before}" if before else ""}
    if not patient_id or "*" in patient_id or "?" in patient_id:
        return []  # nobody's studies, or everybody's
    try:
        found = span(config, question(QueryLevel.STUDY, wanted), door="priors", asked_by=by)
    except (SpanFailed, InvalidQuery):
        return []
    uids = [text_of(one.row, STUDY_UID) for one in found.merged[: min(count, MOST)]]
    here = set(Study.objects.filter(study_instance_uid__in=uids).values_list("study_instance_uid", flat=True))
    fetches = []
    for uid in uids:
        if uid not in here:
            try:
                fetches.append(fetch_study(config, uid, by=by, priority=AHEAD))
            except FetchRefused:
                continue
    return fetches


def fetch_priors_of(study_pk: int, count: int, *, rule: str) -> list[Fetch]:
    """The same for the patient of a study here, by the federations that this archive belongs to.

    What a patient is called in a federation is only known where this archive is one of its sources.
    """
    study = Study.objects.filter(pk=study_pk).first()
    if study is None or not study.patient_id:
        return []
    is_here = Q(source__kind=SourceKind.LOCAL, source__is_enabled=True, config__is_enabled=True)
    fetches: list[Fetch] = []
    for member in ConfigSource.objects.filter(is_here).select_related("config", "source").order_by("config__name"):
        fetches += fetch_priors(
            member.config,
            member.source.patient_id_prefix + study.patient_id,
            study.issuer_of_patient_id,
            count=count + 1,  # the study itself is among them
            by=f"rule {rule}",
            before=study.study_date,
        )
    return fetches
