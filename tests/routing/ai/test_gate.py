"""What the gate says of what comes under a worker's AE title: a table of results and verdicts."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone
from pydicom.dataset import Dataset
from pydicom.uid import BasicTextSRStorage, SecondaryCaptureImageStorage, generate_uid

from routing.ai.gate import judge_arrivals, judge_waiting
from routing.ai.models import AIPool, AIRequest, AIRequestState, AIResult, AIVerdict, AIWorker
from routing.ai.requests import cancel
from routing.models import Delivery, RuleVersion
from routing.plan import plan_all
from studies.models import Instance, Study
from tests.factories import RuleFactory
from tests.routing.ai.hospital import MODALITY, Hospital

ASKED, OTHER = "AI_ONE", "AI_TWO"


def asked(hospital: Hospital, study: Study, pool: AIPool | None = None, title: str = ASKED) -> AIRequest:
    """A request that a worker was sent."""
    pool = pool or hospital.pool((ASKED, 1), (OTHER, 2))
    made = hospital.ask(pool, study)
    now = timezone.now()
    AIRequest.objects.filter(pk=made.pk).update(
        state=AIRequestState.ASKED,
        worker=AIWorker.objects.get(ae_title=title),
        attempts=1,
        sent_at=now,
        deadline_at=now + timedelta(minutes=5),
    )
    made.refresh_from_db()
    return made


@pytest.mark.parametrize("kind", ["sr", "sc", "seg-like"])
def test_a_good_result_is_accepted_and_goes_to_the_result_destinations_alone(hospital: Hospital, kind: str) -> None:
    rule = RuleFactory.create(to=[], conditions=[])  # everything, to nowhere else
    rule.destinations.add(hospital.pacs)
    study = hospital.study()
    before = Delivery.objects.count()
    request = asked(hospital, study)

    assert hospital.send(hospital.result(study, kind), ASKED) == 0
    hospital.take_in()

    result = AIResult.objects.get()
    assert (result.verdict, result.reason, result.request, result.worker) == ("accepted", "", request, request.worker)
    request.refresh_from_db()
    assert (request.state, request.answered_at) == ("answered", result.instance.received_at)
    (delivery,) = Delivery.objects.filter(instance=result.instance)
    assert (delivery.destination, delivery.rule_version) == (hospital.pacs, request.rule_version)
    assert Delivery.objects.count() == before + 1
    assert result.instance.planned_at is not None
    assert AIWorker.objects.get(ae_title=ASKED).last_result_at is not None


def other_patient(ds: Dataset) -> None:
    ds.PatientID = "P2"


def no_patient(ds: Dataset) -> None:
    del ds.PatientID


def other_issuer(ds: Dataset) -> None:
    ds.IssuerOfPatientID = "ELSEWHERE"


def other_study(ds: Dataset) -> None:
    ds.StudyInstanceUID = generate_uid()


def other_references(ds: Dataset) -> None:
    for series in ds.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence:
        for item in series.ReferencedSOPSequence:
            item.ReferencedSOPInstanceUID = generate_uid()


def no_references(ds: Dataset) -> None:
    del ds.CurrentRequestedProcedureEvidenceSequence
    ds.SeriesDescription = "Finding"


BAD: list[tuple[Callable[[Dataset], None], str]] = [
    (other_patient, "another patient"),
    (no_patient, "another patient"),
    (other_issuer, "Issuer of its Patient ID"),
    (other_study, "another study than the instances"),
    (other_references, "other instances than those that the worker was sent"),
    (no_references, "its Series Description is not AI_RESULT"),
]


@pytest.mark.parametrize(("spoil", "reason"), BAD, ids=lambda value: getattr(value, "__name__", ""))
def test_a_result_that_does_not_fit_is_quarantined(
    hospital: Hospital, spoil: Callable[[Dataset], None], reason: str
) -> None:
    study = hospital.study(IssuerOfPatientID="HERE")
    request = asked(hospital, study)
    ds = hospital.result(study)
    spoil(ds)

    hospital.send(ds, ASKED)
    hospital.take_in()

    ((verdict, why),) = hospital.results()
    assert verdict == "quarantined"
    assert reason in why
    assert hospital.delivered_to_pacs() == []
    request.refresh_from_db()
    assert request.state == "asked"


def test_the_hint_of_a_simple_node_is_understood_when_the_worker_was_asked(hospital: Hospital) -> None:
    study = hospital.study()
    asked(hospital, study)
    ds = hospital.result(study)
    del ds.CurrentRequestedProcedureEvidenceSequence

    hospital.send(ds, ASKED)
    hospital.take_in()

    assert hospital.results() == [("accepted", "")]


def test_the_hint_alone_opens_nothing(hospital: Hospital) -> None:
    study = hospital.study()
    hospital.pool((ASKED, 1))

    hospital.send(hospital.result(study), ASKED)
    hospital.take_in()

    assert hospital.results() == [("quarantined", "Nobody asked this worker about this study.")]
    assert hospital.delivered_to_pacs() == []


def test_a_worker_that_was_not_asked_does_not_answer_for_the_one_that_was(hospital: Hospital) -> None:
    study = hospital.study()
    asked(hospital, study)

    hospital.send(hospital.result(study), OTHER)
    hospital.take_in()

    assert hospital.results() == [("quarantined", "Nobody asked this worker about this study.")]


def test_a_class_that_the_pool_does_not_allow(hospital: Hospital) -> None:
    study = hospital.study()
    pool = hospital.pool((ASKED, 1), result_sop_classes=[str(BasicTextSRStorage)])
    asked(hospital, study, pool)

    hospital.send(hospital.result(study, "sc"), ASKED)
    hospital.send(hospital.result(study, "sr"), ASKED)
    hospital.take_in()

    assert [verdict for verdict, _ in hospital.results()] == ["quarantined", "accepted"]
    assert str(SecondaryCaptureImageStorage) in hospital.results()[0][1]
    assert hospital.delivered_to_pacs() == [str(BasicTextSRStorage)]


def test_a_caller_from_another_address_is_not_the_worker(hospital: Hospital) -> None:
    study = hospital.study()
    asked(hospital, study)
    AIWorker.objects.filter(ae_title=ASKED).update(host="127.0.0.2")

    hospital.send(hospital.result(study), ASKED)
    hospital.take_in()

    assert hospital.results() == [("quarantined", "It came from 127.0.0.1, which is not the worker's host.")]


def test_a_host_that_has_no_address_now_is_not_held_against_the_caller(hospital: Hospital) -> None:
    study = hospital.study()
    asked(hospital, study)
    AIWorker.objects.filter(ae_title=ASKED).update(host="no-such-host.invalid")

    hospital.send(hospital.result(study), ASKED)
    hospital.take_in()

    assert hospital.results() == [("accepted", "")]


def test_an_original_that_is_sent_back_is_no_result(hospital: Hospital) -> None:
    study = hospital.study(1)
    asked(hospital, study)
    original = Instance.objects.get()
    ds = hospital.result(study, "sc")
    ds.SOPClassUID, ds.SOPInstanceUID = original.sop_class_uid, original.sop_instance_uid

    hospital.send(ds, ASKED)
    hospital.take_in()

    ((verdict, reason),) = hospital.results()
    assert (verdict, "that of an instance that was here before" in reason) == ("quarantined", True)


def test_a_result_of_a_result_is_a_loop(hospital: Hospital) -> None:
    study = hospital.study()
    asked(hospital, study)
    first = hospital.result(study)
    hospital.send(first, ASKED)
    hospital.take_in()
    ds = hospital.result(study)
    item = ds.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence[0].ReferencedSOPSequence[0]
    item.ReferencedSOPInstanceUID = first.SOPInstanceUID
    ds.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence[0].ReferencedSOPSequence = [item]

    hospital.send(ds, ASKED)
    hospital.take_in()

    assert hospital.results()[1] == (
        "quarantined",
        "It refers to results of AI workers, and to no instance that was sent.",
    )


def test_a_result_is_never_sent_to_a_worker(hospital: Hospital) -> None:
    study = hospital.study(1)
    asked(hospital, study)
    hospital.send(hospital.result(study), ASKED)
    hospital.take_in()

    request = hospital.ask(hospital.pool(("AI_THREE", 3)), study)

    assert list(request.instances.values_list("calling_ae_title", flat=True)) == [MODALITY]


def test_the_same_bytes_again_are_one_result(hospital: Hospital) -> None:
    study = hospital.study()
    asked(hospital, study)
    ds = hospital.result(study)
    hospital.send(ds, ASKED)
    hospital.take_in()
    hospital.send(ds, ASKED)
    hospital.take_in()

    assert hospital.results() == [("accepted", "")]
    assert len(hospital.delivered_to_pacs()) == 1


def test_the_same_uid_with_other_content_is_a_duplicate(hospital: Hospital) -> None:
    study = hospital.study()
    asked(hospital, study)
    ds = hospital.result(study)
    hospital.send(ds, ASKED)
    ds.SeriesNumber = 17
    hospital.send(ds, ASKED)
    hospital.take_in()

    assert [verdict for verdict, _ in hospital.results()] == ["accepted", "duplicate"]
    assert len(hospital.delivered_to_pacs()) == 1


def test_the_same_answer_under_new_uids_is_a_duplicate(hospital: Hospital) -> None:
    study = hospital.study()
    asked(hospital, study)
    for kind in ("sr", "sc", "sr", "sc"):
        hospital.send(hospital.result(study, kind), ASKED)
        hospital.take_in()

    assert [verdict for verdict, _ in hospital.results()] == ["accepted", "accepted", "duplicate", "duplicate"]
    assert len(hospital.delivered_to_pacs()) == 2


def test_objects_that_differ_are_one_answer(hospital: Hospital) -> None:
    study = hospital.study()
    asked(hospital, study)
    for number in range(3):
        ds = hospital.result(study, "sc")
        ds.PixelData = bytes([number]) * len(ds.PixelData)
        hospital.send(ds, ASKED)
    hospital.take_in()

    assert hospital.results() == [("accepted", "")] * 3


def test_an_answer_after_the_deadline_is_late_and_accepted(hospital: Hospital) -> None:
    study = hospital.study()
    request = asked(hospital, study)
    AIRequest.objects.filter(pk=request.pk).update(deadline_at=timezone.now() - timedelta(seconds=1))

    hospital.send(hospital.result(study), ASKED)
    hospital.take_in()

    assert hospital.results() == [("late", "It came after the worker's time was over.")]
    assert len(hospital.delivered_to_pacs()) == 1


def test_an_answer_that_came_in_time_and_is_judged_late_is_not_late(hospital: Hospital) -> None:
    study = hospital.study()
    request = asked(hospital, study)
    hospital.send(hospital.result(study), ASKED)
    AIRequest.objects.filter(pk=request.pk).update(deadline_at=timezone.now())

    hospital.turn()

    assert hospital.results() == [("accepted", "")]


@pytest.mark.parametrize("state", [AIRequestState.QUEUED, AIRequestState.FAILED, AIRequestState.ASKED])
def test_late_then_double_after_a_failover(hospital: Hospital, state: AIRequestState) -> None:
    """The first worker answers after the second was asked; the second answers too."""
    study = hospital.study()
    request = asked(hospital, study, title=OTHER)
    first = AIWorker.objects.get(ae_title=ASKED)
    AIRequest.objects.filter(pk=request.pk).update(state=state, tried=[first.pk])

    hospital.send(hospital.result(study), ASKED)
    hospital.take_in()
    ds = hospital.result(study)
    ds.ContentSequence[0].TextValue = "the other worker says it in other words"
    hospital.send(ds, OTHER)
    hospital.take_in()

    assert [verdict for verdict, _ in hospital.results()] == ["late", "duplicate"]
    assert "Another worker has answered" in hospital.results()[1][1]
    request.refresh_from_db()
    assert (request.state, request.worker) == ("answered", first)
    assert len(hospital.delivered_to_pacs()) == 1


def test_a_result_of_a_cancelled_request(hospital: Hospital) -> None:
    study = hospital.study()
    request = asked(hospital, study)
    assert cancel(AIRequest.objects.filter(pk=request.pk)) == 1

    hospital.send(hospital.result(study), ASKED)
    hospital.take_in()

    assert hospital.results() == [("quarantined", "The request was cancelled.")]


def test_the_request_with_the_instances_that_it_refers_to_is_answered(hospital: Hospital) -> None:
    study = hospital.study(1)
    pool, version = hospital.pool((ASKED, 1)), RuleFactory.create(to=[]).versions.get()
    first = asked_about(hospital, pool, study, version)
    early = hospital.result(study)
    late_instance = hospital.result(study, "sc")
    late_instance.SOPClassUID = Instance.objects.first().sop_class_uid  # type: ignore[union-attr]
    hospital.send(late_instance, MODALITY)
    hospital.take_in()
    second = asked_about(hospital, pool, study, version)

    hospital.send(early, ASKED)
    hospital.take_in()

    assert AIResult.objects.get().request == first
    assert second.pk != first.pk


def asked_about(hospital: Hospital, pool: AIPool, study: Study, version: RuleVersion) -> AIRequest:
    made = hospital.ask(pool, study, version)
    worker = pool.workers.get()
    AIRequest.objects.filter(pk=made.pk).update(state=AIRequestState.ASKED, worker=worker, attempts=1)
    return made


def test_a_rule_that_changes_what_it_sends_does_not_change_the_result(hospital: Hospital) -> None:
    study = hospital.study()
    request = asked(hospital, study)
    version = request.rule_version
    version.definition["actions"] = [{"action": "prefix", "attribute": "PatientID", "value": "AI-"}]
    version.save()

    hospital.send(hospital.result(study), ASKED)
    hospital.take_in()

    (delivery,) = Delivery.objects.all()
    assert (delivery.rule_version, delivery.made_by) == (None, f"AI pool {request.pool.name}")


def test_arrivals_are_noted_once_and_judged_once(hospital: Hospital) -> None:
    study = hospital.study()
    asked(hospital, study)
    hospital.send(hospital.result(study), ASKED)
    hospital.take_in()
    instance = AIResult.objects.get().instance
    Instance.objects.filter(pk=instance.pk).update(planned_at=None)

    assert plan_all() == 1
    assert judge_arrivals([instance]) == {instance.pk}
    assert judge_waiting() == 0
    assert AIResult.objects.count() == 1
    assert Delivery.objects.count() == 1


def test_a_result_stays_out_of_the_rules_when_its_worker_is_deleted(hospital: Hospital) -> None:
    study = hospital.study()
    asked(hospital, study)
    hospital.send(hospital.result(study), ASKED)
    hospital.take_in()
    AIWorker.objects.all().delete()
    instance = AIResult.objects.get().instance

    assert judge_arrivals([instance]) == {instance.pk}


def test_what_a_modality_sends_is_not_held(hospital: Hospital) -> None:
    hospital.pool((ASKED, 1))
    hospital.study()

    assert judge_arrivals(list(Instance.objects.all())) == set()
    assert not AIResult.objects.exists()


def test_a_result_whose_file_is_gone_is_quarantined(hospital: Hospital) -> None:
    study = hospital.study()
    asked(hospital, study)
    hospital.send(hospital.result(study), ASKED)
    from studies.index import index_spool
    from studies.storage import hot_storage

    index_spool(hospital.listener.spool)
    plan_all()
    hot_storage().delete(AIResult.objects.get().instance.location)

    judge_waiting()

    assert hospital.results() == [("quarantined", "Its stored file cannot be read.")]
    assert AIVerdict.WAITING not in AIResult.objects.values_list("verdict", flat=True)
