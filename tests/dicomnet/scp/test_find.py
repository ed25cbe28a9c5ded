"""C-FIND at the listener: levels, keys, statuses, limits and C-CANCEL on real associations (PS3.4 C.4.1)."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from django.db import OperationalError
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import AE
from pynetdicom.association import Association
from pynetdicom.pdu_primitives import SOPClassExtendedNegotiation
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]
from pytest_django import Settings

from dicomnet.allowlist import Entry, Rights
from dicomnet.find import PATIENT_ROOT, PATIENT_STUDY_ONLY, STUDY_ROOT
from dicomnet.wire.find import FindAssociation, FindLimits, FindRefused
from gateway.env import Environment
from studies.query.keys import QueryLevel
from studies.query.question import question
from studies.query.search import Search
from tests.factories import InstanceFactory, SeriesFactory, StudyFactory
from tests.peers import LOOPBACK, gantry, peer

pytestmark = pytest.mark.django_db(transaction=True)
MAY_FIND = Entry("*", "127.0.0.0/8", "", Rights(may_echo=True, may_find=True))


@pytest.fixture
def port(home: Environment, settings: Settings) -> Iterator[int]:
    settings.DICOM_SERVICES = {"GANTRY": "studies.dimse.ArchiveServices"}
    with gantry(MAY_FIND) as number:
        yield number


def associate(
    port: int, *, syntax: str = ExplicitVRLittleEndian, extended: dict[str, bytes] | None = None
) -> Association:
    ae = AE(ae_title="CT1")
    for model in (STUDY_ROOT, PATIENT_ROOT, PATIENT_STUDY_ONLY):
        ae.add_requested_context(model, syntax)
    ae.add_requested_context(Verification)
    items: list[Any] = []
    for uid, fields in (extended or {}).items():
        item = SOPClassExtendedNegotiation()
        item.sop_class_uid, item.service_class_application_information = uid, fields
        items.append(item)
    return ae.associate(LOOPBACK, port, ae_title="GANTRY", ext_neg=items)


def identifier(level: str, **keys: Any) -> Dataset:
    ds = Dataset()
    if level:
        ds.QueryRetrieveLevel = level
    for keyword, value in keys.items():
        setattr(ds, keyword, value)
    return ds


def find(port: int, ds: Dataset, model: str = STUDY_ROOT, **how: Any) -> tuple[list[Dataset], Dataset, list[int]]:
    """The matches, the final response, and the statuses of all."""
    assoc = associate(port, **how)
    assert assoc.is_established
    answers = list(assoc.send_c_find(ds, model))
    assoc.release()
    statuses = [status.Status for status, _ in answers]
    return [match for _, match in answers if match is not None], answers[-1][0], statuses


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_a_study_is_found_with_what_was_asked(port: int, syntax: str) -> None:
    study = StudyFactory.create(
        patient_id="P1",
        patient_name="Doe^Jane",
        modalities_in_study="\\CT\\SR\\",
        number_of_study_related_series=2,
        number_of_study_related_instances=7,
        tier="cold",
    )
    StudyFactory.create(patient_id="P2")
    keys = dict.fromkeys(
        [
            "PatientName",
            "ModalitiesInStudy",
            "StudyDate",
            "InstanceAvailability",
            "RetrieveAETitle",
            "StudyDescription",
        ],
        "",
    )
    numbers = dict.fromkeys(["NumberOfStudyRelatedSeries", "NumberOfStudyRelatedInstances"], None)
    (found,), _, statuses = find(port, identifier("STUDY", PatientID="P1", **keys, **numbers), syntax=syntax)
    assert statuses == [0xFF00, 0x0000]
    assert found.StudyInstanceUID == study.study_instance_uid
    assert found.PatientName == "Doe^Jane"
    assert list(found.ModalitiesInStudy) == ["CT", "SR"]
    assert (found.NumberOfStudyRelatedSeries, found.NumberOfStudyRelatedInstances) == (2, 7)
    assert (found.InstanceAvailability, found.RetrieveAETitle) == ("NEARLINE", "GANTRY")
    assert found.QueryRetrieveLevel == "STUDY"
    assert "AccessionNumber" not in found


def test_every_level_of_patient_root_is_found(port: int) -> None:
    study = StudyFactory.create(patient_id="P1", number_of_study_related_series=1, number_of_study_related_instances=2)
    StudyFactory.create(patient_id="P1", number_of_study_related_series=2, number_of_study_related_instances=5)
    StudyFactory.create(patient_id="P1", issuer_of_patient_id="OTHER")
    StudyFactory.create(patient_id="")
    series = SeriesFactory.create(study=study, number_of_series_related_instances=1)
    instance = InstanceFactory.create(series=series, instance_number="7")
    InstanceFactory.create(series=series, sop_instance_uid=instance.sop_instance_uid, is_primary=False)
    sums = ["NumberOfPatientRelatedStudies", "NumberOfPatientRelatedSeries", "NumberOfPatientRelatedInstances"]
    patients, _, _ = find(
        port, identifier("PATIENT", PatientID="", IssuerOfPatientID="", **dict.fromkeys(sums)), PATIENT_ROOT
    )
    assert [(one.PatientID, one.IssuerOfPatientID, *(one[word].value for word in sums)) for one in patients] == [
        ("P1", "", 2, 3, 7),
        ("P1", "OTHER", 1, 0, 0),
    ]
    above: dict[str, Any] = {"PatientID": "P1", "StudyInstanceUID": study.study_instance_uid}
    (found,), _, _ = find(
        port, identifier("SERIES", **above, Modality="", NumberOfSeriesRelatedInstances=None), PATIENT_ROOT
    )
    assert (found.SeriesInstanceUID, found.Modality) == (series.series_instance_uid, "CT")
    assert found.NumberOfSeriesRelatedInstances == 1
    above["SeriesInstanceUID"] = series.series_instance_uid
    (found,), _, _ = find(port, identifier("IMAGE", **above, InstanceNumber="", Rows=None), PATIENT_ROOT)
    assert (found.SOPInstanceUID, found.InstanceNumber, found.Rows) == (instance.sop_instance_uid, 7, 512)


@pytest.mark.parametrize(
    ("level", "model", "keys", "offending"),
    [
        ("", STUDY_ROOT, {"PatientID": ""}, 0x00080052),
        ("WORKLIST", STUDY_ROOT, {}, 0x00080052),
        ("PATIENT", STUDY_ROOT, {}, 0x00080052),
        ("SERIES", PATIENT_STUDY_ONLY, {"PatientID": "1", "StudyInstanceUID": "1"}, 0x00080052),
        ("STUDY", PATIENT_ROOT, {}, 0x00100020),
        ("STUDY", PATIENT_ROOT, {"PatientID": "P*"}, 0x00100020),
        ("SERIES", STUDY_ROOT, {}, 0x0020000D),
        ("SERIES", STUDY_ROOT, {"StudyInstanceUID": ["1.2", "1.3"]}, 0x0020000D),
        ("IMAGE", STUDY_ROOT, {"StudyInstanceUID": "1.2"}, 0x0020000E),
        ("STUDY", STUDY_ROOT, {"StudyDate": "20270101-20260101"}, 0x00080020),
        ("STUDY", STUDY_ROOT, {"StudyTime": "2300-0100"}, 0x00080030),
        ("STUDY", STUDY_ROOT, {"PatientID": ["A", "B"]}, 0x00100020),
    ],
)
def test_a_wrong_identifier_is_refused_and_says_where(
    port: int, level: str, model: str, keys: dict[str, Any], offending: int
) -> None:
    StudyFactory.create()
    matches, final, statuses = find(port, identifier(level, **keys), model)
    assert (matches, statuses) == ([], [0xA900])
    assert final.OffendingElement == offending
    assert 0 < len(final.ErrorComment) <= 64


def test_a_relational_query_needs_no_unique_key_above(port: int) -> None:
    series = SeriesFactory.create(modality="MR")
    ds = identifier("SERIES", Modality="MR", PatientID="")
    assert find(port, ds)[2] == [0xA900]
    (found,), _, _ = find(port, ds, extended={STUDY_ROOT: b"\1"})
    assert found.SeriesInstanceUID == series.series_instance_uid
    assert found.PatientID == series.study.patient_id


@pytest.mark.parametrize(
    ("asked", "granted"),
    [
        (b"\1", b"\1"),
        (b"\1\1\1", b"\1\1\1"),
        (b"\1\0\1\1\1", b"\1\0\1\0\0"),
        (b"\0\2", b"\0\0"),
        (b"\1" * 9, b"\1\1\1\0\0"),
    ],
)
def test_extended_negotiation_is_answered_truthfully(port: int, asked: bytes, granted: bytes) -> None:
    assoc = associate(port, extended={STUDY_ROOT: asked, str(Verification): b"\1"})
    answered = dict(assoc.acceptor.sop_class_extended)
    assoc.release()
    assert answered == {STUDY_ROOT: granted}


@pytest.mark.parametrize(
    ("options", "keys", "is_found"),
    [
        (b"\0\0\0", {"StudyDate": "20261119-20261121", "StudyTime": "12-09"}, None),
        (b"\0\1\0", {"StudyDate": "20261119-20261121", "StudyTime": "12-09"}, True),
        (b"\0\1\0", {"StudyDate": "20261119-20261120", "StudyTime": "12-1010"}, False),
        (b"\0\0\0", {"PatientName": "muller"}, False),
        (b"\0\0\1", {"PatientName": "muller"}, True),
    ],
)
def test_options_hold_where_they_were_agreed_on(
    port: int, options: bytes, keys: dict[str, str], is_found: bool | None
) -> None:
    StudyFactory.create(patient_name="Müller^Max", study_date="20261120", study_time="101112")
    matches, final, _ = find(port, identifier("STUDY", **keys), extended={STUDY_ROOT: options})
    assert (None if final.Status == 0xA900 else bool(matches)) is is_found


def test_keys_that_are_not_supported_are_said_to_be_ignored(port: int) -> None:
    StudyFactory.create()
    matches, _, statuses = find(port, identifier("STUDY", PatientAge="", NumberOfStudyRelatedSeries=None))
    assert statuses == [0xFF01, 0x0000]
    assert "PatientAge" not in matches[0]
    assert find(port, identifier("STUDY", NumberOfStudyRelatedSeries="7"))[2] == [0xFF01, 0x0000]
    sequence = Dataset()
    sequence.ScheduledProcedureStepID = "X"
    assert find(port, identifier("STUDY", RequestAttributesSequence=[sequence]))[2] == [0xFF01, 0x0000]


@pytest.mark.parametrize(
    ("asked", "name", "answered"),
    [
        ("ISO_IR 100", "Müller^Jürgen", "ISO_IR 100"),
        ("ISO_IR 100", "Иванов", "ISO_IR 192"),
        ("ISO_IR 144", "Иванов", "ISO_IR 144"),
        ("ISO_IR 192", "王^小東", "ISO_IR 192"),
        (["", "ISO 2022 IR 87"], "Yamada^Tarou=山田^太郎=やまだ^たろう", ["", "ISO 2022 IR 87"]),
        (["", "ISO 2022 IR 149"], "Hong^Gildong=洪^吉洞=홍^길동", ["", "ISO 2022 IR 149"]),
        ("GB18030", "王^小東", "GB18030"),
        (None, "Müller", "ISO_IR 192"),
        (None, "Doe", None),
        ("ISO_IR 999", "Müller", "ISO_IR 192"),
    ],
)
def test_the_character_set_of_the_request_is_used_where_it_can_be(
    port: int, asked: Any, name: str, answered: Any
) -> None:
    StudyFactory.create(patient_name=name)
    ds = identifier("STUDY", PatientName="")
    if asked is not None:
        ds.SpecificCharacterSet = asked
    (found,), _, _ = find(port, ds)
    assert str(found.PatientName) == name
    has = found.get("SpecificCharacterSet")
    assert (list(has) if isinstance(answered, list) else has) == answered


def test_a_name_is_matched_in_the_character_set_of_the_request(port: int) -> None:
    StudyFactory.create(patient_name="Müller^Jürgen")
    for term in ("ISO_IR 100", "ISO_IR 192"):
        ds = identifier("STUDY", PatientName="MÜLLER*")
        ds.SpecificCharacterSet = term
        assert len(find(port, ds)[0]) == 1


def test_an_empty_archive_answers_with_success_alone(port: int) -> None:
    assert find(port, identifier("STUDY"))[2] == [0x0000]


def test_more_than_the_limit_is_said(port: int, settings: Settings) -> None:
    settings.GANTRY = replace(settings.GANTRY, find_limit=3)
    for _ in range(4):
        StudyFactory.create()
    matches, final, _ = find(port, identifier("STUDY"))
    assert (len(matches), final.Status) == (3, 0xA700)
    assert final.ErrorComment == "more than 3 matches, these are the first of them"
    settings.GANTRY = replace(settings.GANTRY, find_limit=4)
    assert find(port, identifier("STUDY"))[1].Status == 0x0000


def test_a_c_cancel_ends_a_long_list(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The list has no end of its own: only the C-CANCEL can end it."""
    StudyFactory.create()
    (page,) = Search(question(QueryLevel.STUDY, {}, [])).pages()

    def pages(_: Search) -> Iterator[list[Any]]:
        while True:
            yield page

    monkeypatch.setattr(Search, "pages", pages)
    assoc = associate(port)
    answers = assoc.send_c_find(identifier("STUDY"), STUDY_ROOT, msg_id=7)
    assert next(answers)[0].Status == 0xFF00
    assoc.send_c_cancel(7, query_model=STUDY_ROOT)
    assert [status.Status for status, _ in answers][-1] == 0xFE00
    monkeypatch.undo()
    assert [status.Status for status, _ in assoc.send_c_find(identifier("STUDY"), STUDY_ROOT, msg_id=7)] == [0xFF00, 0]
    assoc.release()


def test_a_peer_that_leaves_in_the_middle_ends_the_service(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    StudyFactory.create()
    (page,) = Search(question(QueryLevel.STUDY, {}, [])).pages()
    ended = threading.Event()

    def pages(_: Search) -> Iterator[list[Any]]:
        try:
            while True:
                yield page
        finally:
            ended.set()

    monkeypatch.setattr(Search, "pages", pages)
    assoc = associate(port)
    next(assoc.send_c_find(identifier("STUDY"), STUDY_ROOT))
    assoc.abort()
    assert ended.wait(20)


def test_without_the_right_the_context_is_refused(home: Environment, settings: Settings) -> None:
    settings.DICOM_SERVICES = {"GANTRY": "studies.dimse.ArchiveServices"}
    with gantry(Entry("*", "127.0.0.1", "", Rights(may_echo=True, may_store=True))) as port:
        assoc = associate(port, extended={STUDY_ROOT: b"\1"})
        accepted = {context.abstract_syntax for context in assoc.accepted_contexts}
        assert dict(assoc.acceptor.sop_class_extended) == {}
        assoc.release()
    assert accepted == {Verification}


def test_a_database_that_is_down_is_a_failure_that_says_so(
    port: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any) -> Any:
        raise OperationalError("secret words")

    monkeypatch.setattr(Search, "pages", fail)
    _, final, statuses = find(port, identifier("STUDY", PatientName="Doe^Secret"))
    assert statuses == [0xC001]
    assert final.ErrorComment == "the database does not answer now"
    assert "Doe" not in caplog.text


def test_long_responses_are_cut_to_what_the_peer_takes(port: int) -> None:
    StudyFactory.create(patient_id="P1", study_description="x" * 64, institution_name="y" * 64)
    ae = AE(ae_title="CT1")
    ae.maximum_pdu_size = 64
    ae.add_requested_context(STUDY_ROOT)
    assoc = ae.associate(LOOPBACK, port, ae_title="GANTRY")
    answers = list(assoc.send_c_find(identifier("STUDY", StudyDescription="", InstitutionName=""), STUDY_ROOT))
    assoc.release()
    assert [match.StudyDescription for _, match in answers if match] == ["x" * 64]


def test_lists_of_thousands_of_uids_are_answered(port: int) -> None:
    study = StudyFactory.create()
    uids = [study.study_instance_uid, *(f"1.2.{number}" for number in range(9_999))]
    matches, final, _ = find(port, identifier("STUDY", StudyInstanceUID=uids), syntax=ImplicitVRLittleEndian)
    assert (len(matches), final.Status) == (1, 0)
    final = find(port, identifier("STUDY", StudyInstanceUID=[*uids, "1.9"]), syntax=ImplicitVRLittleEndian)[1]
    assert final.Status == 0xA900


@pytest.mark.parametrize(
    "data", [b"\xff" * 40, b"\x08\x00\x52\x00CS\xff\xff12", b"\x08\x00\x52\x00ZZ\x00\x00", b"\x00"]
)
def test_bytes_that_are_no_identifier_are_refused(port: int, data: bytes) -> None:
    context = (STUDY_ROOT, str(ExplicitVRLittleEndian))
    with FindAssociation(peer(port, "GANTRY"), [context]) as assoc:
        for _ in range(2):
            with pytest.raises(FindRefused) as refused, assoc.find(context, data, FindLimits()) as finding:
                list(finding)
            assert refused.value.status == 0xA900
