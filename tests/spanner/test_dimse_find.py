"""C-FIND at the AE title of a federation, through the real listener (PS3.4 C.4.1, RELIABILITY I18)."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import AE
from pynetdicom.association import Association
from pynetdicom.pdu_primitives import SOPClassExtendedNegotiation
from pynetdicom.sop_class import CTImageStorage, Verification  # type: ignore[attr-defined]
from pytest_django import Settings

from dicomnet.allowlist import Entry, Rights
from dicomnet.commitment import PUSH_MODEL, PUSH_MODEL_INSTANCE
from dicomnet.find import PATIENT_ROOT, STUDY_ROOT
from gateway.env import Environment
from spanner.models import FailureStrategy, Query, Source, SourceKind
from spanner.titles import forget
from tests.conformance.programs import dcmtk
from tests.factories import StudyFactory
from tests.peers import LOOPBACK, gantry, refused_port
from tests.spanner.archives import dicomweb_archive, dimse_archive, study
from tests.spanner.conftest import Federate

pytestmark = pytest.mark.django_db(transaction=True)
Make = Callable[..., Source]
RIGHTS = Rights(may_echo=True, may_find=True, may_store=True, may_commit=True)


@pytest.fixture
def port(home: Environment, settings: Settings) -> Iterator[int]:
    with gantry(Entry("*", "127.0.0.0/8", "ALL", RIGHTS)) as number:
        yield number


def associate(
    port: int, *, called: str = "ALL", syntax: str = ExplicitVRLittleEndian, **extended: bytes
) -> Association:
    ae = AE(ae_title="CT1")
    ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = 30
    for model in (STUDY_ROOT, PATIENT_ROOT, Verification, CTImageStorage, PUSH_MODEL):
        ae.add_requested_context(model, syntax)
    items: list[Any] = []
    for fields in extended.values():
        item = SOPClassExtendedNegotiation()
        item.sop_class_uid, item.service_class_application_information = STUDY_ROOT, fields
        items.append(item)
    return ae.associate(LOOPBACK, port, ae_title=called, ext_neg=items)


def identifier(level: str, **keys: Any) -> Dataset:
    ds = Dataset()
    ds.QueryRetrieveLevel = level
    for keyword, value in keys.items():
        setattr(ds, keyword, value)
    return ds


def find(port: int, ds: Dataset, model: str = STUDY_ROOT, **how: Any) -> tuple[list[Dataset], Dataset]:
    """The matches and the final response."""
    assoc = associate(port, **how)
    assert assoc.is_established
    answers = list(assoc.send_c_find(ds, model))
    assoc.release()
    return [match for _, match in answers if match is not None], answers[-1][0]


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_all_sources_are_asked_and_the_federation_is_whom_to_fetch_from(
    port: int, dimse: Make, dicomweb: Make, federate: Federate, syntax: str
) -> None:
    StudyFactory.create(study_instance_uid="1.2.3.7", patient_id="P1")
    with dimse_archive([study(1), study(2)]) as (one, _), dicomweb_archive([study(2), study(3)]) as (url, _):
        here = Source.objects.create(name="Here", kind=SourceKind.LOCAL)
        federate(dimse("North", one), dicomweb("South", url), here, ae_title="ALL")
        asked = identifier("STUDY", PatientID="P1", PatientName="", RetrieveAETitle="", InstanceAvailability="")
        found, last = find(port, asked, syntax=syntax)
    titles = {str(one.StudyInstanceUID): one.RetrieveAETitle for one in found}
    assert titles == {
        "1.2.3.1": ["ALL", "PEER"],
        "1.2.3.2": ["ALL", "PEER", "South"],
        "1.2.3.3": ["ALL", "South"],
        "1.2.3.7": ["ALL", "GANTRY"],
    }
    assert last.Status == 0x0000
    asked_for = {"QueryRetrieveLevel", "StudyInstanceUID", "PatientID", "PatientName", "RetrieveAETitle"}
    assert {element.keyword for element in found[0]} == asked_for | {"InstanceAvailability"}
    assert Query.objects.get().asked_by == "CT1"


def test_series_and_instances_and_patients_are_found(port: int, dimse: Make, federate: Federate) -> None:
    series = {"StudyInstanceUID": "1.2", "SeriesInstanceUID": "1.2.1", "Modality": "CT"}
    instance = series | {"SOPInstanceUID": "1.2.1.1", "InstanceNumber": "7"}
    with dimse_archive([series]) as (one, archive):
        federate(dimse("North", one), ae_title="ALL")
        (found,), _ = find(port, identifier("SERIES", StudyInstanceUID="1.2", Modality=""))
        assert (found.SeriesInstanceUID, found.Modality, found.QueryRetrieveLevel) == ("1.2.1", "CT", "SERIES")
        archive.items = [instance]
        above = {"StudyInstanceUID": "1.2", "SeriesInstanceUID": "1.2.1"}
        (found,), _ = find(port, identifier("IMAGE", **above, InstanceNumber=""))
        assert (found.SOPInstanceUID, found.InstanceNumber) == ("1.2.1.1", 7)
        archive.items = [study(1)]
        (found,), _ = find(port, identifier("PATIENT", PatientID="P1", PatientName=""), PATIENT_ROOT)
        assert (found.PatientID, found.PatientName) == ("P1", "Doe^P1")
        _, last = find(port, identifier("SERIES", Modality=""))
    assert (last.Status, last.OffendingElement) == (0xA900, 0x0020000D)


@pytest.mark.parametrize(("terms", "answered"), [("ISO_IR 100", "ISO_IR 100"), ("ISO_IR 6", "ISO_IR 192")])
def test_text_comes_in_the_character_set_that_was_asked_for(
    port: int, dimse: Make, federate: Federate, terms: str, answered: str
) -> None:
    with dimse_archive([study(1, PatientName="Müller^Jürgen")]) as (one, _):
        federate(dimse("North", one), ae_title="ALL")
        (found,), _ = find(port, identifier("STUDY", SpecificCharacterSet=terms, PatientName=""))
    assert (found.SpecificCharacterSet, found.PatientName) == (answered, "Müller^Jürgen")


def test_two_patients_with_one_study_uid_are_both_said(port: int, dimse: Make, federate: Federate) -> None:
    with dimse_archive([study(1, "P1")]) as (one, _), dimse_archive([study(1, "P2")]) as (other, _):
        federate(dimse("North", one), dimse("South", other), ae_title="ALL")
        found, _ = find(port, identifier("STUDY", StudyInstanceUID="1.2.3.1", PatientID=""))
    assert sorted(str(one.PatientID) for one in found) == ["P1", "P2"]


def test_lenient_gives_what_there_is_and_the_log_says_who_is_missing(
    port: int, dimse: Make, federate: Federate, caplog: pytest.LogCaptureFixture
) -> None:
    with dimse_archive([study(1)]) as (one, _):
        federate(dimse("NORTH", refused_port()), dimse("SOUTH", one), ae_title="ALL")
        with caplog.at_level(logging.WARNING, logger="spanner"):
            found, last = find(port, identifier("STUDY", PatientID="P1"))
    assert len(found) == 1
    assert (last.Status, "ErrorComment" in last) == (0x0000, False)
    (line,) = [record for record in caplog.records if record.message == "federated query answered in part"]
    assert line.__dict__["missing"] == "missing: NORTH (error)"


def test_strict_gives_nothing_and_says_who_is_missing(port: int, dimse: Make, federate: Federate) -> None:
    with dimse_archive([study(1)]) as (one, _):
        sources = dimse("NORTH", refused_port()), dimse("SOUTH", one)
        federate(*sources, ae_title="ALL", failure_strategy=FailureStrategy.STRICT)
        found, last = find(port, identifier("STUDY", PatientID="P1"))
    assert found == []
    assert (last.Status, last.ErrorComment) == (0xC001, "missing: NORTH (error)")


def test_more_than_the_limit_ends_with_out_of_resources(
    port: int, dimse: Make, federate: Federate, settings: Settings
) -> None:
    settings.GANTRY = replace(settings.GANTRY, find_limit=3)
    with dimse_archive([study(number) for number in range(5)]) as (one, _):
        federate(dimse("North", one), ae_title="ALL")
        found, last = find(port, identifier("STUDY"))
    assert (len(found), last.Status) == (3, 0xA700)


def test_a_cancel_is_heeded_while_sources_are_waited_for(port: int, dimse: Make, federate: Federate) -> None:
    with dimse_archive([study(1)]) as (one, archive):
        federate(dimse("North", one), ae_title="ALL")
        archive.gate.clear()
        try:
            assoc = associate(port)
            answers = assoc.send_c_find(identifier("STUDY"), STUDY_ROOT, msg_id=5)
            assoc.send_c_cancel(5, query_model=STUDY_ROOT)
            (status, match) = next(iter(answers))
            assoc.release()
        finally:
            archive.gate.set()
    assert (status.Status, match) == (0xFE00, None)


def test_without_putting_together_matches_are_sent_as_they_come(port: int, dimse: Make, federate: Federate) -> None:
    with dimse_archive([study(1)]) as (one, _), dimse_archive([study(1)]) as (other, slow):
        federate(dimse("North", one), dimse("Slow", other), ae_title="ALL", deduplication_enabled=False)
        slow.gate.clear()
        try:
            assoc = associate(port)
            answers = iter(assoc.send_c_find(identifier("STUDY"), STUDY_ROOT))
            status, _ = next(answers)  # while the other one has said nothing
            assert status.Status == 0xFF00
        finally:
            slow.gate.set()
        rest = [one.Status for one, _ in answers]
        assoc.release()
    assert rest == [0xFF00, 0x0000]


def test_a_key_that_gantry_does_not_know_is_asked_on(port: int, dimse: Make, federate: Federate) -> None:
    with dimse_archive([study(1, StudyComments="well", PatientComments="no")]) as (one, archive):
        federate(dimse("North", one), ae_title="ALL")
        assoc = associate(port)
        asked = identifier("STUDY", StudyComments="")
        asked.add_new(0x00091001, "LO", "private")
        answers = list(assoc.send_c_find(asked, STUDY_ROOT))
        assoc.release()
    assert [status.Status for status, _ in answers] == [0xFF01, 0x0000]
    assert answers[0][1] is not None
    assert answers[0][1].StudyComments == "well"
    assert "StudyComments" in archive.asked[0]


def test_nothing_is_agreed_on_that_not_every_source_can(port: int, federate: Federate) -> None:
    federate(ae_title="ALL")
    assoc = associate(port, wanted=b"\x01\x01\x01\x00\x00")
    assert assoc.acceptor.sop_class_extended == {STUDY_ROOT: bytes(5)}
    assoc.release()


def test_a_federation_without_sources_says_so(port: int, federate: Federate) -> None:
    federate(ae_title="ALL")
    _, last = find(port, identifier("STUDY"))
    assert (last.Status, last.ErrorComment) == (0xC001, "the federation has no sources")


def test_it_echoes_and_takes_nothing(port: int, federate: Federate) -> None:
    federate(ae_title="ALL")
    assoc = associate(port)
    assert assoc.send_c_echo().Status == 0x0000
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = CTImageStorage, "1.2.3"
    ds.file_meta = Dataset()  # type: ignore[assignment]
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    stored = assoc.send_c_store(ds)
    assert (stored.Status, stored.ErrorComment[:36]) == (0x0124, "a federated AE title holds nothing: ")
    promise = Dataset()
    promise.TransactionUID = "1.2.3"
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = CTImageStorage, "1.2.3"
    promise.ReferencedSOPSequence = [item]
    answered, _ = assoc.send_n_action(promise, 1, PUSH_MODEL, PUSH_MODEL_INSTANCE)
    assert (answered.Status, answered.ErrorComment[:36]) == (0x0124, "a federated AE title holds nothing, ")
    assoc.release()


def test_the_allowlist_decides_by_the_title_that_is_called(port: int, federate: Federate) -> None:
    federate(ae_title="OTHER")
    federate(name="more", ae_title="ALL")
    assert not associate(port, called="OTHER").is_established
    assert not associate(port, called="NOBODY").is_established
    assoc = associate(port)
    assert assoc.is_established
    assoc.release()


@pytest.mark.parametrize("syntax", ["-xe", "-xi"])
def test_findscu_is_answered(port: int, dimse: Make, federate: Federate, syntax: str) -> None:
    with dimse_archive([study(1)]) as (one, _), dimse_archive([study(2)]) as (other, _):
        sources = dimse("NORTH", one), dimse("SOUTH", other), dimse("EAST", refused_port())
        config = federate(*sources, ae_title="ALL")
        options = ("-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID", "-k", "RetrieveAETitle")
        said = dcmtk("findscu", port, "-aec", "ALL", syntax, "-S", *options)
        assert said.is_content, said.output
        assert all(words in said.output for words in ("1.2.3.1", "1.2.3.2", "ALL\\PEER", "Success")), said.output
        config.failure_strategy = FailureStrategy.STRICT
        config.save()
        forget()
        said = dcmtk("findscu", port, "-d", "-aec", "ALL", syntax, "-S", *options)
    assert "missing: EAST (error)" in said.output, said.output
