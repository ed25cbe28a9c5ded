"""The sender against the simulated PACS: bytes, counts and exit statuses."""

import shutil
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import call_command
from pydicom import dcmread
from pydicom.data import get_testdata_file

from dicomnet.lab.gather import gather
from tests.dicomnet.lab.peers import Pacs, data_set_sha256, row, senddicom, simulated_pacs
from tests.factories import StudyFactory

# One of each kind of transfer syntax; compressed, big endian, deflated, implicit, multi-frame, private.
PYDICOM_FILES = (
    "CT_small.dcm", "MR_small.dcm", "MR_small_bigendian.dcm", "MR_small_implicit.dcm", "MR_small_RLE.dcm",
    "image_dfl.dcm", "JPEG2000.dcm", "SC_rgb_jpeg_dcmtk.dcm", "rtplan.dcm", "reportsi.dcm", "waveform_ecg.dcm",
    "SC_rgb_rle_2frame.dcm", "priv_SQ.dcm", "examples_palette.dcm", "test-SR.dcm",
)  # fmt: skip


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def pacs(home: Path, tmp_path: Path) -> Iterator[Pacs]:
    with simulated_pacs(home, "--folder", str(tmp_path / "pacs")) as running:
        yield running


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("samples")
    for name in PYDICOM_FILES:
        path = get_testdata_file(name, download=False)
        assert isinstance(path, str)
        shutil.copy(path, folder)
    return folder


def test_data_sets_arrive_byte_for_byte(pacs: Pacs, home: Path, samples: Path) -> None:
    done = senddicom(home, pacs.port, str(samples))

    assert done.returncode == 0, done.stdout + done.stderr
    assert row(done.stdout, "acknowledged") == len(PYDICOM_FILES)
    # A deflated data set of odd length is padded with one zero byte on the wire (PS3.5 A.5).
    padded = samples / "image_dfl.dcm"
    with padded.open("ab") as file:
        file.write(b"\0" * (gather([padded]).instances[0].is_odd))
    assert pacs.data_sets() == sorted(data_set_sha256(path) for path in samples.iterdir())


def test_phantoms_arrive_as_they_were_kept(pacs: Pacs, home: Path, tmp_path: Path) -> None:
    done = senddicom(home, pacs.port, "--generate", "8", "--associations", "3", "--out-dir", str(tmp_path / "out"))

    assert done.returncode == 0, done.stdout + done.stderr
    kept = sorted(data_set_sha256(path) for path in (tmp_path / "out").rglob("*.dcm"))
    assert len(kept) == 8
    assert pacs.data_sets() == kept


def test_folder_with_rubbish_sends_the_rest_and_lists_it(pacs: Pacs, home: Path, samples: Path, tmp_path: Path) -> None:
    deep = tmp_path / "in" / "deeper"
    deep.mkdir(parents=True)
    shutil.copy(samples / "CT_small.dcm", deep)
    (deep / "notes.txt").write_text("no DICOM")
    (deep / "empty").touch()
    (deep / "cut.dcm").write_bytes((samples / "CT_small.dcm").read_bytes()[:200])

    done = senddicom(home, pacs.port, str(tmp_path / "in"))

    assert done.returncode == 0
    assert row(done.stdout, "acknowledged") == 1
    assert {
        line.split(":")[0].rsplit("/", 1)[1] for line in done.stdout.splitlines() if line.startswith("skipped")
    } == {
        "notes.txt",
        "empty",
        "cut.dcm",
    }


def test_nothing_but_rubbish_is_an_error(home: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no DICOM")

    done = senddicom(home, 1, str(tmp_path))

    assert done.returncode == 1
    assert "nothing to send" in done.stderr


def test_missing_path_is_one_sentence(home: Path) -> None:
    done = senddicom(home, 1, "/nowhere/at/all")

    assert done.returncode == 1
    assert done.stderr.strip().endswith("/nowhere/at/all does not exist.")


def test_refused_instances_are_counted_in_words(home: Path, tmp_path: Path) -> None:
    flags = ("--failure-rate", "0.5", "--seed", "4", "--folder", str(tmp_path))
    with simulated_pacs(home, *flags) as pacs:
        done = senddicom(home, pacs.port, "--generate", "20", "--modality", "MR")
        refused = row(done.stdout, "refused")

        assert done.returncode == 1
        assert 0 < refused < 20
        assert row(done.stdout, "acknowledged") == 20 - refused == len(list(tmp_path.glob("*.dcm")))
        assert "0xA700 Out of resources" in done.stdout
        assert f"{refused} C-STORE 0xA700" in pacs.end()


def test_warning_counts_as_acknowledged(home: Path, tmp_path: Path, samples: Path) -> None:
    with simulated_pacs(home, "--status", "0xB007", "--folder", str(tmp_path)) as pacs:
        done = senddicom(home, pacs.port, str(samples / "CT_small.dcm"))

    assert done.returncode == 0
    assert row(done.stdout, "warned") == 1
    assert len(list(tmp_path.glob("*.dcm"))) == 1


def test_rejected_association_is_one_sentence(home: Path, tmp_path: Path, samples: Path) -> None:
    with simulated_pacs(home, "--reject-associations", "--folder", str(tmp_path)) as pacs:
        done = senddicom(home, pacs.port, str(samples), "--associations", "3")

    assert done.returncode == 1
    assert done.stdout.count("association rejected for now") == 1
    assert row(done.stdout, "not sent") == len(PYDICOM_FILES)


def test_missing_peer_is_one_sentence(home: Path, samples: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound and not listening: nobody else gets the port meanwhile
        done = senddicom(home, unused.getsockname()[1], str(samples))

    assert done.returncode == 1
    assert done.stdout.count("did not answer") == 1
    assert "Traceback" not in done.stdout + done.stderr


def test_association_lost_in_the_middle_is_told(home: Path, tmp_path: Path) -> None:
    with simulated_pacs(home, "--delay-ms", "300", "--folder", str(tmp_path)) as pacs:
        killer = threading.Thread(target=kill_when_first_is_stored, args=(pacs,))
        killer.start()
        done = senddicom(home, pacs.port, "--generate", "12", "--modality", "MR")
        killer.join()

    assert done.returncode == 1
    assert row(done.stdout, "no answer") == 1
    assert row(done.stdout, "acknowledged") + row(done.stdout, "not sent") == 11
    assert done.stdout.splitlines()[-1].startswith(f"LABPACS at 127.0.0.1:{pacs.port}: the ")


def kill_when_first_is_stored(pacs: Pacs) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not list(pacs.folder.glob("*.dcm")):
        time.sleep(0.02)
    pacs.process.kill()


def test_rewritten_uids_are_new_and_consistent(pacs: Pacs, home: Path, tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    senddicom(home, pacs.port, "--generate", "6", "--modality", "CT", "--seed", "9", "--out-dir", str(source))

    done = senddicom(
        home, pacs.port, str(source), "--rewrite-uids", "--patient-name", "Müller^Jörg", "--out-dir", str(target)
    )

    assert done.returncode == 0, done.stdout + done.stderr
    old = [dcmread(path) for path in sorted(source.rglob("*.dcm"))]
    new = [dcmread(path) for path in sorted(target.rglob("*.dcm"))]
    pairs = {(a.SeriesInstanceUID, b.SeriesInstanceUID) for a, b in zip(old, new, strict=True)}
    assert len(pairs) == len({a for a, _ in pairs}) == 2
    assert len({ds.StudyInstanceUID for ds in new}) == len({ds.FrameOfReferenceUID for ds in new}) == 1
    assert not {ds.SOPInstanceUID for ds in old} & {ds.SOPInstanceUID for ds in new}
    assert {str(ds.PatientName) for ds in new} == {"Müller^Jörg"}
    assert {ds.SOPClassUID for ds in new} == {ds.SOPClassUID for ds in old}
    assert [ds.PixelData for ds in new] == [ds.PixelData for ds in old]


def test_named_values_are_set(pacs: Pacs, home: Path, samples: Path) -> None:
    flags = ("--study-uid", "2.25.1", "--series-uid", "2.25.2", "--sop-uid", "2.25.3", "--patient-id", "LAB-0042")
    done = senddicom(home, pacs.port, str(samples / "JPEG2000.dcm"), *flags, "--series-description", "again")

    assert done.returncode == 0, done.stdout + done.stderr
    ds = dcmread(pacs.folder / "2.25.3.dcm")
    assert (ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.SOPInstanceUID) == ("2.25.1", "2.25.2", "2.25.3")
    assert (ds.PatientID, ds.SeriesDescription) == ("LAB-0042", "again")
    assert ds.file_meta.TransferSyntaxUID.is_compressed
    assert ds.PixelData == dcmread(samples / "JPEG2000.dcm").PixelData


def test_one_sop_instance_uid_for_many_is_refused(home: Path, samples: Path) -> None:
    done = senddicom(home, 1, str(samples), "--sop-uid", "2.25.3")

    assert done.returncode == 1
    assert "single instance" in done.stderr


def test_file_that_is_gone_or_unreadable_is_skipped_with_reason(tmp_path: Path) -> None:
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")

    gathered = gather([tmp_path / "dangling"])

    assert [entry.reason for entry in gathered.skipped] == ["No such file or directory"]


@pytest.mark.django_db
def test_patients_are_numbered_on_from_the_database(pacs: Pacs) -> None:
    for number in ("LAB-0041", "LAB-10007", "LAB-x", "OTHER-99999999"):
        StudyFactory.create(patient_id=number)
    address = ("--port", str(pacs.port), "--called-aet", "LABPACS")

    call_command("senddicom", "--generate", "4", "--modality", "CR", "--seq-from-db", *address)

    kept = {dcmread(path, stop_before_pixels=True).PatientID for path in pacs.folder.glob("*.dcm")}
    assert kept == {"LAB-10008", "LAB-10009"}


def test_numbering_on_without_a_database_is_one_sentence(home: Path) -> None:
    done = senddicom(home, 1, "--generate", "1", "--seq-from-db")

    assert done.returncode == 1
    assert "--seq-from-db needs the database, which does not answer." in done.stderr
