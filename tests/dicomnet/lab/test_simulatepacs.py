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

from dicomnet.commitment import EventAnswer, EventStatus, Reference, Verdict
from dicomnet.lab.pacs_index import Index
from dicomnet.lab.phantoms import studies
from dicomnet.scu.association import NoContextAccepted, Peer
from dicomnet.scu.commit import CommitmentAssociation
from dicomnet.scu.echo import echo
from dicomnet.scu.store import Outgoing, StoreAssociation
from tests.corpus import CT
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


def test_find_counts_series_and_lists_instances(pacs: Pacs) -> None:
    *studies_found, _ = find(pacs, PatientID="LAB-0003", NumberOfStudyRelatedInstances="")
    (study,) = [found for _, found in studies_found if found is not None]
    uid = str(study.StudyInstanceUID)
    *series_found, _ = find(
        pacs, QueryRetrieveLevel="SERIES", StudyInstanceUID=uid, NumberOfSeriesRelatedInstances="", Modality=""
    )
    listed = []
    for _, series in series_found:
        assert series is not None
        *images, (last, _) = find(
            pacs,
            QueryRetrieveLevel="IMAGE",
            StudyInstanceUID=uid,
            SeriesInstanceUID=str(series.SeriesInstanceUID),
            SOPInstanceUID="",
        )
        assert last == 0x0000
        assert len(images) == int(series.NumberOfSeriesRelatedInstances)
        listed += [found.SOPInstanceUID for _, found in images if found is not None]

    assert len(set(listed)) == int(study.NumberOfStudyRelatedInstances) == 6
    assert {path.stem for path in pacs.folder.glob("*.dcm")} >= set(listed)


@pytest.mark.parametrize(
    "keys",
    [{"QueryRetrieveLevel": "PATIENT"}, {"QueryRetrieveLevel": "SERIES"}, {"QueryRetrieveLevel": "IMAGE"}],
    ids=["another level", "PS3.4 C.4.1.2.2 no study", "PS3.4 C.4.1.2.2 no series"],
)
def test_find_that_names_no_place_is_refused(pacs: Pacs, keys: dict[str, str]) -> None:
    assert [status for status, _ in find(pacs, **keys)] == [0xA900]


def test_find_deeper_than_it_is_told_is_refused(tmp_path: Path) -> None:
    with simulated_pacs(tmp_path, "--query", "study") as shallow:
        keys = {"QueryRetrieveLevel": "SERIES", "StudyInstanceUID": "1.2.3"}
        assert [status for status, _ in find(shallow, **keys)] == [0xA900]


def test_what_is_dropped_was_answered_with_success(tmp_path: Path) -> None:
    with simulated_pacs(tmp_path, "--drop-percent", "40", "--seed", "3") as lying:
        done = senddicom(tmp_path, lying.port, "--generate", "20", "--modality", "CR")
        kept = len(list(lying.folder.glob("*.dcm")))
        said = lying.end()

    assert done.returncode == 0
    assert 0 < kept < 20
    assert f"{20 - kept} C-STORE 0x0000 dropped" in said


@pytest.mark.parametrize(("flag", "offered"), [("no", False), ("yes", True)])
def test_commitment_is_offered_as_told(tmp_path: Path, flag: str, offered: bool) -> None:
    with simulated_pacs(tmp_path, "--commitment", flag) as running:
        peer = Peer(ae_title="LABPACS", host="127.0.0.1", port=running.port, calling_ae_title="TEST")
        taken: list[Verdict] = []

        def take(verdict: Verdict) -> EventAnswer:
            taken.append(verdict)
            return EventAnswer(EventStatus.SUCCESS)

        if not offered:
            with pytest.raises(NoContextAccepted):
                CommitmentAssociation(peer, take)
            return
        with CommitmentAssociation(peer, take) as assoc:
            response = assoc.request("2.25.1", [Reference(CT, "2.25.2")])
            assert response.status == 0x0000
            assoc.wait_for_reports(30, lambda: bool(taken))
        assert taken == [Verdict("2.25.1", (), ((Reference(CT, "2.25.2"), 0x0112),))]


def test_a_liar_commits_to_what_it_does_not_have(tmp_path: Path) -> None:
    taken: list[Verdict] = []

    def take(verdict: Verdict) -> EventAnswer:
        taken.append(verdict)
        return EventAnswer(EventStatus.SUCCESS)

    with simulated_pacs(tmp_path, "--commitment", "lying") as running:
        peer = Peer(ae_title="LABPACS", host="127.0.0.1", port=running.port, calling_ae_title="TEST")
        with CommitmentAssociation(peer, take) as assoc:
            assoc.request("2.25.1", [Reference(CT, "2.25.2")])
            assoc.wait_for_reports(30, lambda: bool(taken))

    assert taken == [Verdict("2.25.1", (Reference(CT, "2.25.2"),), ())]


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
    key.QueryRetrieveLevel = "STUDY"
    key.PatientID = "LAB-000[1]"

    assert list(index.find(key)) == []
