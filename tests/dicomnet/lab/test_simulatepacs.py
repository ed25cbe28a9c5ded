"""The simulated PACS as a peer: echo, private SOP Classes, query, deterministic refusals."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.uid import UID
from pynetdicom import AE
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelFind  # type: ignore[attr-defined]

from dicomnet.lab.pacs_index import Index
from dicomnet.lab.phantoms import studies
from dicomnet.scu.association import Peer
from dicomnet.scu.echo import echo
from dicomnet.scu.store import Outgoing, StoreAssociation
from tests.dicomnet.lab.peers import Pacs, senddicom, simulated_pacs


@pytest.fixture(scope="module")
def pacs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pacs]:
    home = tmp_path_factory.mktemp("home")
    with simulated_pacs(home) as running:
        senddicom(home, running.port, "--generate", "10", "--seed", "3")
        yield running


def find(pacs: Pacs, **keys: str) -> list[tuple[int, Dataset | None]]:
    ae = AE(ae_title="TEST")
    ae.add_requested_context(StudyRootQueryRetrieveInformationModelFind)
    assoc = ae.associate("127.0.0.1", pacs.port)
    identifier = Dataset()
    for keyword, value in ({"QueryRetrieveLevel": "STUDY", "PatientID": "", "ModalitiesInStudy": ""} | keys).items():
        setattr(identifier, keyword, value)
    answers = [
        (status.Status, found)
        for status, found in assoc.send_c_find(identifier, StudyRootQueryRetrieveInformationModelFind)
    ]
    assoc.release()
    return answers


def test_echo_is_answered(pacs: Pacs) -> None:
    outcome = echo(Peer(ae_title="LABPACS", host="127.0.0.1", port=pacs.port, calling_ae_title="TEST"))

    assert outcome.is_alive


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        pytest.param({}, {"LAB-0001", "LAB-0002", "LAB-0003"}, id="PS3.4 C.2.2.2.3 universal"),
        pytest.param({"PatientID": "LAB-0002"}, {"LAB-0002"}, id="PS3.4 C.2.2.2.1 single value"),
        pytest.param({"PatientID": "LAB-000?"}, {"LAB-0001", "LAB-0002", "LAB-0003"}, id="PS3.4 C.2.2.2.4 wildcard"),
        pytest.param({"StudyDate": "20260101-"}, {"LAB-0001", "LAB-0002", "LAB-0003"}, id="PS3.4 C.2.2.2.5 range"),
        pytest.param({"StudyDate": "-20251231"}, set(), id="PS3.4 C.2.2.2.5 range that excludes"),
        pytest.param({"ModalitiesInStudy": "US"}, {"LAB-0002"}, id="PS3.4 C.3.4 modalities in study"),
    ],
)
def test_find_answers_at_study_level(pacs: Pacs, keys: dict[str, str], expected: set[str]) -> None:
    *pending, (last, _) = find(pacs, **keys)

    assert last == 0x0000
    assert {found.PatientID for status, found in pending if status == 0xFF00 and found is not None} == expected


def test_find_at_another_level_is_refused(pacs: Pacs) -> None:
    assert [status for status, _ in find(pacs, QueryRetrieveLevel="SERIES")] == [0xA900]


def test_private_sop_class_is_stored(pacs: Pacs, tmp_path: Path) -> None:
    path = get_testdata_file("CT_small.dcm", download=False)
    assert isinstance(path, str)
    ds = dcmread(path)
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = UID("1.2.3.4.5.6.7")
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = UID("2.25.77")
    ds.save_as(tmp_path / "private.dcm")
    instance = Outgoing.from_file(tmp_path / "private.dcm")

    peer = Peer(ae_title="LABPACS", host="127.0.0.1", port=pacs.port, calling_ae_title="TEST")
    with StoreAssociation(peer, [instance.context]) as assoc:
        outcome = assoc.send(instance)

    assert outcome.status == 0x0000
    assert (pacs.folder / "2.25.77.dcm").exists()


def test_same_seed_refuses_the_same_requests(tmp_path: Path) -> None:
    stored = []
    for name in ("first", "second"):
        folder = tmp_path / name
        with simulated_pacs(tmp_path, "--failure-rate", "0.3", "--seed", "8", "--folder", str(folder)) as pacs:
            senddicom(tmp_path, pacs.port, "--generate", "20", "--modality", "CR", "--seed", "2")
        stored.append({path.name for path in folder.glob("*.dcm")})

    assert stored[0] == stored[1]
    assert 0 < len(stored[0]) < 20


def test_folder_is_indexed_again_at_the_next_start(tmp_path: Path) -> None:
    for expected in ("holds 2 instances", "stopped with 2 instances of 1 studies"):
        with simulated_pacs(tmp_path) as pacs:
            if expected.startswith("holds"):
                senddicom(tmp_path, pacs.port, "--generate", "2")
            assert expected in pacs.end()


def test_square_brackets_in_a_key_mean_themselves() -> None:
    index = Index()
    ds = next(studies(1, seed=1, modality="CR"))
    index.add(ds)
    key = Dataset()
    key.PatientID = "LAB-000[1]"

    assert list(index.find(key)) == []
