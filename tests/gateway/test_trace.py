"""The time line of a study."""

from datetime import timedelta
from io import StringIO
from typing import Any
from unittest.mock import patch

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from gateway.trace import TraceEvent, trace
from routing.models import DeliveryState, Discard, ProofRequest
from routing.queue import send_by_hand
from studies.models import Conflict, Study
from tests.api_clients import V1, client_of
from tests.factories import (
    DeliveryFactory,
    DestinationFactory,
    InstanceFactory,
    MoveFactory,
    RuleFactory,
    SeriesFactory,
    StudyFactory,
)

pytestmark = pytest.mark.django_db
START = timezone.now().replace(microsecond=0, second=10) - timedelta(hours=1)


def instances(study: Study, count: int, **given: Any) -> list[Any]:
    series = study.series.first() or SeriesFactory.create(study=study)
    return [
        InstanceFactory.create(series=series, received_at=START + timedelta(seconds=number), **given)
        for number in range(count)
    ]


def words(study: Study) -> list[str]:
    return [event.words for event in trace(study)]


def by_words(study: Study) -> dict[str, TraceEvent]:
    return {event.words: event for event in trace(study)}


def test_a_study_without_instances_has_no_history() -> None:
    assert trace(StudyFactory.create()) == []


def test_the_whole_journey_in_order() -> None:
    study = StudyFactory.create(completed_at=timezone.now() + timedelta(minutes=1), number_of_study_related_instances=3)
    pacs, rule = DestinationFactory.create(name="PACS"), RuleFactory.create(name="CT to PACS")
    for instance in instances(study, 3, planned_at=START + timedelta(seconds=30)):
        DeliveryFactory.create(
            instance=instance,
            destination=pacs,
            rule_version=rule.versions.get(),
            is_delivered=True,
            delivered_at=timezone.now() + timedelta(seconds=10),
        )

    assert words(study) == [
        "Received 3 instances from CT_ROOM1",
        "Indexed 3 instances",
        "Rule “CT to PACS” version 1 matched 3 instances",
        "Delivered 3 instances to PACS",
        "Complete with 3 instances",
    ]
    assert [event.state for event in trace(study)] == ["ok"] * 5
    assert "from 10.1.2.3, between" in trace(study)[0].detail


def test_bursts_are_told_apart_by_sender_and_by_pause() -> None:
    study = StudyFactory.create()
    instances(study, 90)  # over the turn of a minute
    instances(study, 1, calling_ae_title="MR")
    InstanceFactory.create(series=study.series.get(), received_at=START + timedelta(minutes=20))

    assert [word for word in words(study) if word.startswith("Received")] == [
        "Received 1 instance from MR",
        "Received 90 instances from CT_ROOM1",
        "Received 1 instance from CT_ROOM1",
    ]


def test_a_rule_keeps_the_name_that_it_had() -> None:
    study = StudyFactory.create()
    rule = RuleFactory.create(name="Old name")
    (instance,) = instances(study, 1)
    DeliveryFactory.create(instance=instance, rule_version=rule.versions.get())
    type(rule).objects.update(name="New name")

    assert "Rule “Old name” version 1 matched 1 instance" in words(study)


@pytest.mark.parametrize(
    ("state", "expected", "colour"),
    [
        (DeliveryState.PENDING, "1 instance waiting for PACS", "busy"),
        (DeliveryState.SENDING, "Sending 1 instance to PACS", "busy"),
        (DeliveryState.DEAD, "Failed to deliver 1 instance to PACS", "failed"),
        (DeliveryState.CANCELLED, "Cancelled 1 instance to PACS", ""),
        (DeliveryState.CONFIRMED, "Delivered 1 instance to PACS, storage confirmed", "ok"),
    ],
)
def test_each_state_has_its_words(state: DeliveryState, expected: str, colour: str) -> None:
    study = StudyFactory.create()
    (instance,) = instances(study, 1)
    DeliveryFactory.create(
        instance=instance,
        destination=DestinationFactory.create(name="PACS"),
        state=state,
        lease_until=timezone.now(),
    )

    assert by_words(study)[expected].state == colour


def test_failures_say_why() -> None:
    study = StudyFactory.create()
    pacs = DestinationFactory.create(name="PACS")
    for instance in instances(study, 2):
        DeliveryFactory.create(instance=instance, destination=pacs, has_failed=True)

    event = by_words(study)["Failed to deliver 2 instances to PACS"]

    assert event.detail == "the peer answered 0xA700 Out of resources"


def test_what_no_rule_matched_and_what_no_rule_saw() -> None:
    study = StudyFactory.create()
    instances(study, 2, planned_at=timezone.now())
    instances(study, 1)

    assert "No rule matched 2 instances" in words(study)
    assert by_words(study)["1 instance not yet judged by the rules"].state == "busy"


def test_a_conflict_is_a_warning_until_it_was_seen() -> None:
    study = StudyFactory.create()
    first, other = instances(study, 1)[0], instances(study, 1, calling_ae_title="CT2", is_primary=False)[0]
    conflict = Conflict.objects.create(instance=first, other=other, received_at=timezone.now())
    said = "1 instance came again with other content from CT2"

    assert by_words(study)[said].state == "warning"
    Conflict.objects.filter(pk=conflict.pk).update(resolved_at=timezone.now())
    assert by_words(study)[said].state == "ok"


@pytest.mark.parametrize(
    ("state", "columns", "said", "colour"),
    [
        ("due", {}, "PACS is to be asked what it keeps", "busy"),
        ("asked", {"expected": 3}, "Asked PACS whether it keeps 3 instances", "busy"),
        ("proven", {"proven": 1}, "PACS proved that it keeps 1 instance", "ok"),
        ("gaps", {"proven": 2, "missing": 1}, "PACS keeps 2 instances and lacks 1: sent again", "warning"),
        ("failed", {"last_error": "no report"}, "PACS did not prove what it keeps", "failed"),
    ],
)
def test_what_was_asked_and_proven(state: str, columns: dict[str, Any], said: str, colour: str) -> None:
    study = StudyFactory.create()
    ProofRequest.objects.create(
        study=study, destination=DestinationFactory.create(name="PACS"), kind="commitment", state=state, **columns
    )

    (event,) = trace(study)

    assert (event.words, event.state, event.kind) == (said, colour, "proof")
    assert columns.get("last_error", "by Storage Commitment") in event.detail


def test_a_rule_says_where_to_and_why() -> None:
    study = StudyFactory.create()
    rule = RuleFactory.create(name="CT", conditions=[{"attribute": "Modality", "operator": "equals", "value": "CT"}])
    (instance,) = instances(study, 1)
    for name in ("Archive", "PACS"):
        destination = DestinationFactory.create(name=name)
        DeliveryFactory.create(instance=instance, destination=destination, rule_version=rule.versions.get())

    detail = by_words(study)["Rule “CT” version 1 matched 1 instance"].detail

    assert detail.startswith("to Archive, PACS; because Modality")


def test_what_a_person_had_sent() -> None:
    study = StudyFactory.create()
    instances(study, 2)
    send_by_hand(study, DestinationFactory.create(name="PACS"), by="anna")

    assert by_words(study)["anna had 2 instances sent"].detail == "to PACS, whatever rules say"


def test_what_a_rule_discarded_and_why() -> None:
    study = StudyFactory.create()
    rule = RuleFactory.create(name="Dose reports")
    for instance in instances(study, 2, planned_at=timezone.now()):
        Discard.objects.create(instance=instance, rule_version=rule.versions.get(), reason="nobody reads them")

    event = by_words(study)["Rule “Dose reports” version 1 discarded 2 instances"]

    assert event.detail == "nobody reads them"
    assert not [said for said in words(study) if said.startswith("No rule matched")]


@pytest.mark.parametrize(
    ("columns", "said", "colour"),
    [
        ({"state": "waiting"}, "Is to go to the tier cold", "busy"),
        ({"state": "done", "reason": "policy", "requested_by": "policy Old ones"}, "Moved to the tier cold", "ok"),
        ({"state": "failed", "last_error": "the disk is full"}, "Failed to move to the tier cold", "failed"),
        ({"state": "cancelled"}, "The move to the tier cold was ended", ""),
    ],
)
def test_moves_and_why_they_were_asked_for(columns: dict[str, Any], said: str, colour: str) -> None:
    move = MoveFactory.create(to_tier="cold", **columns)

    (event,) = trace(move.study)

    assert (event.words, event.state, event.kind) == (said, colour, "move")
    assert move.requested_by in event.detail
    assert move.get_reason_display() in event.detail
    assert columns.get("last_error", "") in event.detail


def test_other_studies_are_not_in_it() -> None:
    DeliveryFactory.create(is_delivered=True)

    assert trace(StudyFactory.create()) == []


def test_the_number_of_queries_does_not_grow(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    study = StudyFactory.create()
    for instance in instances(study, 30):
        DeliveryFactory.create(instance=instance)

    with django_assert_num_queries(12):
        trace(study)


def test_the_api_tells_it() -> None:
    study = StudyFactory.create()
    instances(study, 1)

    answer = client_of("viewer").get(f"{V1}/studies/{study.study_instance_uid}/trace/").json()

    assert answer["study_instance_uid"] == study.study_instance_uid
    assert [event["kind"] for event in answer["events"]] == ["received", "indexed", "planned"]


def test_the_command_prints_it() -> None:
    study = StudyFactory.create()
    instances(study, 2, calling_ae_title="CT [bold]")
    out = StringIO()

    with patch.dict("os.environ", {"COLUMNS": "200"}):
        call_command("trace", study=study.study_instance_uid, stdout=out)

    assert "Received 2 instances from CT [bold]" in out.getvalue()
    assert study.patient_name not in out.getvalue()


def test_the_command_says_when_there_is_no_such_study() -> None:
    with pytest.raises(CommandError, match=r"^No stored study has the Study Instance UID 1\.2\.3\.$"):
        call_command("trace", study="1.2.3")
