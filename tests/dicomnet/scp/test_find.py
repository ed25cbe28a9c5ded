"""C-FIND at the listener: levels, keys, statuses, limits and C-CANCEL on real associations (PS3.4 C.4.1)."""

from collections.abc import Iterator
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import AE
from pynetdicom.association import Association
from pynetdicom.pdu_primitives import SOPClassExtendedNegotiation
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]
from pytest_django import Settings

from dicomnet.allowlist import Entry, Rights
from dicomnet.find import PATIENT_ROOT, PATIENT_STUDY_ONLY, STUDY_ROOT
from gateway.env import Environment
from tests.factories import StudyFactory
from tests.peers import LOOPBACK, gantry

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
    items = []
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
