"""One question to several real archives, and what comes together (RELIABILITY I18)."""

from collections.abc import Callable

import pytest

from spanner.answers import State, text_of
from spanner.errors import SpanFailed
from spanner.models import FailureStrategy, Query, Source, SourceKind
from spanner.question import PATIENT_ID, STUDY_UID, Question, question
from spanner.search import Found, span
from studies.query.keys import QueryLevel
from tests.factories import StudyFactory
from tests.peers import refused_port, silent_port
from tests.spanner.archives import dicomweb_archive, dimse_archive, study
from tests.spanner.conftest import Federate

pytestmark = pytest.mark.django_db(transaction=True)
Make = Callable[..., Source]


def studies_of(patient: str = "") -> Question:
    return question(QueryLevel.STUDY, {PATIENT_ID: patient} if patient else {})


def uids(found: Found) -> list[str]:
    return sorted(text_of(one.row, STUDY_UID) for one in found.merged)


def states(found: Found) -> dict[str, str]:
    return {answer.source: answer.state.value for answer in found.answers}


def test_three_kinds_of_archives_answer_as_one(dimse: Make, dicomweb: Make, federate: Federate) -> None:
    StudyFactory(study_instance_uid="1.2.3.7", patient_id="P1")
    with dimse_archive([study(1), study(2)]) as (port, _), dicomweb_archive([study(2), study(3)]) as (url, _):
        here = Source.objects.create(name="Here", kind=SourceKind.LOCAL)
        config = federate(dimse("North", port), dicomweb("South", url), here)
        found = span(config, studies_of("P1"), door="api", asked_by="anna")
    assert uids(found) == ["1.2.3.1", "1.2.3.2", "1.2.3.3", "1.2.3.7"]
    assert states(found) == {"North": "ok", "South": "ok", "Here": "ok"}
    assert found.is_complete
    both = next(one for one in found.merged if text_of(one.row, STUDY_UID) == "1.2.3.2")
    assert both.sources == ["North", "South"]
    asked = Query.objects.get()
    assert (asked.asked_by, asked.keys, asked.matches, asked.is_complete) == ("anna", "PatientID", 5, True)


def test_a_source_that_is_gone_is_named_and_the_others_answer(dimse: Make, federate: Federate) -> None:
    with dimse_archive([study(1)]) as (port, _):
        config = federate(dimse("North", port), dimse("Gone", refused_port()))
        found = span(config, studies_of("P1"), door="api", asked_by="anna")
    assert uids(found) == ["1.2.3.1"]
    assert states(found) == {"North": "ok", "Gone": "error"}
    assert not found.is_complete
    assert Query.objects.get().missing == "Gone (error)"


def test_a_silent_source_costs_no_more_than_its_time(dimse: Make, federate: Federate) -> None:
    with dimse_archive([study(1)]) as (port, _), silent_port() as silent:
        config = federate(dimse("North", port), dimse("Silent", silent, timeout_seconds=1))
        found = span(config, studies_of("P1"), door="api", asked_by="anna")
    assert states(found) == {"North": "ok", "Silent": "timeout"}
    assert "did not answer within" in found.answers[1].error
    # Its own second, not the twenty of the federation; how late a busy machine looks at the clock is left open.
    assert found.answers[1].milliseconds < 10_000


def test_strict_fails_when_one_is_missing(dimse: Make, federate: Federate) -> None:
    with dimse_archive([study(1)]) as (port, _):
        sources = dimse("North", port), dimse("Gone", refused_port())
        config = federate(*sources, failure_strategy=FailureStrategy.STRICT)
        with pytest.raises(SpanFailed, match=r"Gone \(error\)") as failed:
            span(config, studies_of("P1"), door="api", asked_by="anna")
    assert [answer.state for answer in failed.value.answers] == [State.OK, State.ERROR]


def test_fail_fails_when_all_are_missing(dimse: Make, federate: Federate) -> None:
    config = federate(dimse("Gone", refused_port()), failure_strategy=FailureStrategy.FAIL)
    with pytest.raises(SpanFailed, match="no source answered"):
        span(config, studies_of("P1"), door="api", asked_by="anna")


def test_two_patients_with_one_study_uid_are_never_made_one(dimse: Make, federate: Federate) -> None:
    with dimse_archive([study(1, "P1")]) as (one, _), dimse_archive([study(1, "P2")]) as (other, _):
        config = federate(dimse("North", one), dimse("South", other))
        found = span(config, question(QueryLevel.STUDY, {STUDY_UID: "1.2.3.1"}), door="api", asked_by="anna")
    assert uids(found) == ["1.2.3.1", "1.2.3.1"]
    assert [one.is_conflicting for one in found.merged] == [True, True]


def test_after_three_failures_a_source_is_left_alone(dimse: Make, federate: Federate) -> None:
    config = federate(dimse("Gone", refused_port()))
    for _ in range(3):
        span(config, studies_of("P1"), door="api", asked_by="anna")
    found = span(config, studies_of("P1"), door="api", asked_by="anna")
    assert states(found) == {"Gone": "open"}
    assert "failed 3 times in a row" in found.answers[0].error


def test_a_cut_list_is_asked_for_in_pieces(dimse: Make, federate: Federate) -> None:
    items = [study(number, StudyDate=f"2026{1 + number % 12:02}{1 + number % 28:02}") for number in range(100)]
    with dimse_archive(items, most=10) as (port, _):
        config = federate(dimse("North", port, cuts_at=10))
        asked = question(QueryLevel.STUDY, {PATIENT_ID: "P1", 0x00080020: "20260101-20261231"})
        found = span(config, asked, door="api", asked_by="anna")
    assert len(found.merged) == 100
    assert states(found) == {"North": "ok"}


def test_an_answer_is_given_again_with_its_age(dimse: Make, federate: Federate) -> None:
    with dimse_archive([study(1)]) as (port, archive):
        config = federate(dimse("North", port), cache_seconds=60)
        span(config, studies_of("P1"), door="api", asked_by="anna")
        found = span(config, studies_of("P1"), door="api", asked_by="anna")
    assert len(archive.asked) == 1
    assert found.answers[0].age_seconds > 0
    assert uids(found) == ["1.2.3.1"]
