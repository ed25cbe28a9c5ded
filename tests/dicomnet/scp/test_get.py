"""C-GET at the listener: what comes over the association, what is answered (PS3.4 C.4.3, Tables C.4-3, Y.4-1)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, JPEG2000Lossless, RLELossless
from pynetdicom import AE, build_role, evt
from pynetdicom.presentation import build_context
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    CompositeInstanceRootRetrieveGet,
    PatientRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelGet,
)
from pytest_django import Settings

from dicomnet.allowlist import Entry, Rights
from dicomnet.scp import retrieve
from gateway.env import Environment
from studies.models import Instance, Study, Tier
from tests.corpus import CT, EXPLICIT
from tests.modality import wait_until
from tests.peers import LOOPBACK, gantry
from tests.retrieving import MAY_RETRIEVE, Fetcher, file_of, identifier, index, keep, keep_study

pytestmark = pytest.mark.django_db(transaction=True)
PATIENT, STUDY = str(PatientRootQueryRetrieveInformationModelGet), str(StudyRootQueryRetrieveInformationModelGet)
COMPOSITE = str(CompositeInstanceRootRetrieveGet)


THE_STUDY = identifier("STUDY", StudyInstanceUID="1.1")


@pytest.fixture
def port(home: Environment, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    monkeypatch.setattr("studies.retrieve_service.STORED_SECONDS", 0)
    monkeypatch.setattr("studies.retrieve_service._stored", (0.0, {}))  # of a test before this one
    settings.DICOM_SERVICES = {"GANTRY": "studies.dimse.ArchiveServices"}
    with gantry(MAY_RETRIEVE) as number:
        yield number


@pytest.mark.parametrize(
    ("model", "asked", "expected"),
    [
        (PATIENT, identifier("PATIENT", PatientID="P1"), "1."),
        (STUDY, identifier("STUDY", StudyInstanceUID="1.1"), "1.1."),
        (STUDY, identifier("STUDY", StudyInstanceUID=["1.1", "1.2"]), "1."),
        (STUDY, identifier("SERIES", StudyInstanceUID="1.1", SeriesInstanceUID="1.1.2"), "1.1.2."),
        (COMPOSITE, identifier("IMAGE", SOPInstanceUID="1.1.2.1"), "1.1.2.1"),
    ],
    ids=["patient", "study", "list of UID", "series", "composite instance"],
)
def test_what_is_named_comes_as_it_is_stored(port: int, model: str, asked: Dataset, expected: str) -> None:
    stored = keep_study("1.1", series=2) | keep_study("1.2")
    keep_study("2.1", patient="P2")
    answered = Fetcher(port).get(model, asked)
    wanted = {uid: data for uid, data in stored.items() if uid.startswith(expected)}
    assert answered.received == wanted
    assert (answered.status, answered.counts) == (0x0000, (len(wanted), 0, 0))
    assert "NumberOfRemainingSuboperations" not in answered.last


def test_two_requests_of_one_association_are_answered_and_it_goes_on(port: int) -> None:
    keep_study()
    ae = AE("WORKSTATION")
    assoc = ae.associate(
        LOOPBACK,
        port,
        [build_context(STUDY), build_context(CT, [EXPLICIT])],
        ae_title="GANTRY",
        ext_neg=[build_role(CT, scp_role=True)],
        evt_handlers=[],
    )
    for _ in range(2):
        statuses = [status.Status for status, _ in assoc.send_c_get(THE_STUDY, STUDY)]
        # This caller has no handler, so it refuses each: nothing was stored.
        assert statuses[-1] == 0xA702
    assoc.release()
    assert assoc.is_released


def test_nothing_found_is_a_success_without_sub_operations(port: int) -> None:
    answered = Fetcher(port).get(STUDY, identifier("STUDY", StudyInstanceUID="9.9"))
    assert [response.Status for response in answered.responses] == [0x0000]
    assert answered.counts == (0, 0, 0)


@pytest.mark.parametrize(
    ("model", "asked", "status", "offending"),
    [
        (STUDY, identifier("PATIENT", PatientID="P1"), 0xA900, 0x0008_0052),
        (STUDY, identifier("SERIES", SeriesInstanceUID="1.1.1"), 0xA900, 0x0020_000D),
        (STUDY, identifier("STUDY", StudyInstanceUID="<script>"), 0xA900, 0x0020_000D),
        (COMPOSITE, identifier("FRAME", SOPInstanceUID="1.1.1.1"), 0xAA02, 0x0008_0052),
    ],
)
def test_a_bad_identifier_is_answered_with_the_element_that_offends(
    port: int, model: str, asked: Dataset, status: int, offending: int
) -> None:
    answered = Fetcher(port).get(model, asked)
    assert (answered.status, answered.last.OffendingElement) == (status, offending)
    assert answered.last.ErrorComment


def test_relational_retrieval_is_granted_and_then_served(port: int) -> None:
    stored = keep_study()
    fetcher = Fetcher(port, extended={STUDY: b"\x01\x01"})
    answered = fetcher.get(STUDY, identifier("IMAGE", SOPInstanceUID="1.1.1.2"))
    assert fetcher.granted == {STUDY: b"\x01\x00"}
    assert answered.received == {"1.1.1.2": stored["1.1.1.2"]}


def test_an_instance_without_a_fitting_context_fails_and_the_others_come(port: int) -> None:
    stored = keep_study(instances=2)
    ds = identifier("STUDY")
    del ds.QueryRetrieveLevel
    ds.SOPClassUID, ds.SOPInstanceUID, ds.StudyInstanceUID, ds.SeriesInstanceUID = CT, "1.1.9", "1.1", "1.1.1"
    keep(ds, ImplicitVRLittleEndian)
    index()
    answered = Fetcher(port).get(STUDY, THE_STUDY)
    assert answered.received == stored
    assert (answered.status, answered.counts, answered.failed) == (0xB000, (2, 1, 0), ["1.1.9"])
    assert answered.last.ErrorComment == "the caller accepts it in no transfer syntax it is stored in"


def test_a_compressed_instance_is_never_sent_to_who_takes_only_others(port: int) -> None:
    keep_study()
    answered = Fetcher(port, [(CT, [JPEG2000Lossless, RLELossless])]).get(STUDY, THE_STUDY)
    assert (answered.received, answered.status, answered.counts) == ({}, 0xA702, (0, 3, 0))
    assert answered.failed == ["1.1.1.1", "1.1.1.2", "1.1.1.3"]


@pytest.mark.parametrize("syntaxes", [[ExplicitVRLittleEndian, ImplicitVRLittleEndian], [ImplicitVRLittleEndian]])
def test_of_several_transfer_syntaxes_the_stored_one_is_accepted(port: int, syntaxes: list[str]) -> None:
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID, ds.StudyInstanceUID, ds.SeriesInstanceUID = CT, "1.1.9", "1.1", "1.1.1"
    data = keep(ds, ImplicitVRLittleEndian)
    index()
    assert Fetcher(port, [(CT, syntaxes)]).get(STUDY, THE_STUDY).received == {"1.1.9": data}


def shorten(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-2])


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("harm", [Path.unlink, shorten, flip_a_bit], ids=["gone", "shorter", "one bit"])
def test_a_file_that_is_not_what_was_stored_is_not_sent(port: int, harm: "object") -> None:
    stored = keep_study()
    assert callable(harm)
    harm(file_of("1.1.1.2"))
    answered = Fetcher(port).get(STUDY, THE_STUDY)
    assert answered.received == {uid: data for uid, data in stored.items() if uid != "1.1.1.2"}
    assert (answered.status, answered.counts, answered.failed) == (0xB000, (2, 1, 0), ["1.1.1.2"])


def test_what_is_not_on_the_hot_tier_fails_and_says_why(port: int) -> None:
    for uid in keep_study():
        file_of(uid).unlink()
    Study.objects.update(tier=Tier.ARCHIVE)
    Instance.objects.update(tier=Tier.ARCHIVE)
    answered = Fetcher(port).get(STUDY, THE_STUDY)
    assert (answered.status, answered.counts) == (0xA702, (0, 3, 0))
    assert answered.last.ErrorComment == "on the tier archive, and being recalled: ask again in a while"


def test_refusals_and_warnings_of_the_caller_are_counted(port: int) -> None:
    keep_study(instances=4)
    answered = Fetcher(port, store_status=[0x0000, 0xA700, 0xB000]).get(STUDY, THE_STUDY)
    assert (answered.status, answered.counts, answered.failed) == (0xB000, (2, 1, 1), ["1.1.1.2"])


def test_a_cancel_ends_it_between_two_instances(port: int) -> None:
    keep_study(instances=40)
    answered = Fetcher(port, cancel_after=3).get(STUDY, THE_STUDY)
    assert answered.status == 0xFE00
    completed, failed, warnings = answered.counts
    assert 3 <= completed < 40
    assert (failed, warnings) == (0, 0)
    assert answered.last.NumberOfRemainingSuboperations == 40 - completed


def test_pending_responses_say_how_far_it_has_come(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrieve, "PENDING_SECONDS", 0)
    keep_study(instances=3)
    answered = Fetcher(port).get(STUDY, THE_STUDY)
    pending = [response for response in answered.responses if response.Status == 0xFF00]
    assert pending
    for response in pending:
        done = response.NumberOfCompletedSuboperations
        assert response.NumberOfRemainingSuboperations + done == 3


def test_who_may_not_is_not_even_negotiated_with(home: Environment, settings: Settings) -> None:
    settings.DICOM_SERVICES = {"GANTRY": "studies.dimse.ArchiveServices"}
    with gantry(Entry("*", "127.0.0.0/8", "", Rights(may_echo=True, may_store=True, may_move=True))) as port:
        contexts = [build_context(STUDY), build_context(CT)]
        assoc = AE("WORKSTATION").associate(
            LOOPBACK, port, contexts, ae_title="GANTRY", ext_neg=[build_role(CT, scp_role=True)]
        )
        assert [str(context.abstract_syntax) for context in assoc.rejected_contexts] == [STUDY]
        assert not assoc.accepted_contexts[0].as_scp
        assoc.release()


def test_a_database_that_is_down_is_a_failure_and_no_end(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def down(*args: object, **kwargs: object) -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr("django.db.backends.base.base.BaseDatabaseWrapper.connect", down)
    answered = Fetcher(port).get(STUDY, THE_STUDY)
    assert (answered.status, answered.last.ErrorComment) == (0x0110, "internal error, see the gateway's log")


@pytest.mark.parametrize("how", ["abort", "close"])
def test_a_caller_that_is_gone_in_the_middle_is_noticed(port: int, caplog: pytest.LogCaptureFixture, how: str) -> None:
    keep_study(instances=30, pixels=100_000)
    caplog.set_level("INFO")

    def leave(event: evt.Event) -> int:
        assoc: Any = event.assoc
        if how == "abort":
            assoc.abort()
        else:
            assoc.dul.socket.close()
        return 0

    ae = AE("WORKSTATION")
    ae.dimse_timeout = 1  # it waits for the final response all the same
    assoc = ae.associate(
        LOOPBACK,
        port,
        [build_context(STUDY), build_context(CT, [EXPLICIT])],
        ae_title="GANTRY",
        ext_neg=[build_role(CT, scp_role=True)],
        evt_handlers=[(evt.EVT_C_STORE, leave)],
    )
    list(assoc.send_c_get(THE_STUDY, STUDY))
    wait_until(lambda: "retrieval ended" in caplog.messages)
    (record,) = [record for record in caplog.records if record.message == "retrieval ended"]
    assert (record.__dict__["reason"], record.__dict__["completed"]) == ("the caller is gone", 0)
    assert [record.message for record in caplog.records if record.exc_info] == []


def test_the_log_says_what_was_fetched_and_not_of_whom(port: int, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    keep_study(patient="ZZCANARYID")
    Fetcher(port).get(PATIENT, identifier("PATIENT", PatientID="ZZCANARYID"))
    (record,) = [record for record in caplog.records if record.message == "retrieval ended"]
    said = record.__dict__
    assert (said["query_level"], said["instances"], said["completed"], said["uids"]) == ("PATIENT", 3, 3, [])
    assert not [record for record in caplog.records if "ZZCANARYID" in str(record.__dict__)]
