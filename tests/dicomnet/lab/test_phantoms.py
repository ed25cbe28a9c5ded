"""Phantoms: valid, the same for the same seed, and with pixels that mean something."""

import shutil
import subprocess
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import FileDataset

from dicomnet.lab.people import person
from dicomnet.lab.phantoms import KINDS, studies

COUNTS = {"CT": 6, "MR": 6, "CR": 2, "US": 2}


def encoded(ds: FileDataset) -> bytes:
    buffer = BytesIO()
    ds.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def made() -> dict[str, list[FileDataset]]:
    return {modality: list(studies(count, seed=5, modality=modality)) for modality, count in COUNTS.items()}


@pytest.mark.parametrize("modality", sorted(COUNTS))
def test_same_seed_gives_same_bytes_and_another_seed_other_uids(modality: str, made: dict) -> None:
    again = list(studies(COUNTS[modality], seed=5, modality=modality))
    other = list(studies(COUNTS[modality], seed=6, modality=modality))

    assert [encoded(ds) for ds in again] == [encoded(ds) for ds in made[modality]]
    assert not {ds.SOPInstanceUID for ds in other} & {ds.SOPInstanceUID for ds in again}
    assert other[0].PixelData != again[0].PixelData


@pytest.mark.parametrize("modality", sorted(COUNTS))
def test_study_is_of_one_patient_and_of_several_series(modality: str, made: dict) -> None:
    instances = made[modality]

    assert len({ds.StudyInstanceUID for ds in instances}) == 1
    assert {(ds.PatientID, str(ds.PatientName)) for ds in instances} == {("LAB-0001", person(1).patient_name)}
    assert len({ds.SeriesInstanceUID for ds in instances}) > 1
    assert len({ds.SOPInstanceUID for ds in instances}) == len(instances)
    assert {ds.Modality for ds in instances} == {modality}
    for ds in instances:
        assert ds.SOPInstanceUID.is_valid
        assert ds.SOPInstanceUID.startswith("2.25.")
        assert ds.file_meta.MediaStorageSOPInstanceUID == ds.SOPInstanceUID


@pytest.mark.parametrize("modality", ["CT", "MR"])
def test_slices_of_a_series_lie_at_even_distances_in_one_frame(modality: str) -> None:
    instances = list(studies(24, seed=1, modality=modality))
    series = [ds for ds in instances if ds.SeriesNumber == 2]
    positions = np.array([ds.ImagePositionPatient for ds in series], dtype=float)
    steps = np.linalg.norm(np.diff(positions, axis=0), axis=1)

    assert len({ds.FrameOfReferenceUID for ds in instances}) == 1
    assert steps == pytest.approx(float(series[0].SpacingBetweenSlices), abs=1e-3)
    assert [ds.InstanceNumber for ds in series] == list(range(1, len(series) + 1))


def test_ct_shows_air_brain_and_bone_in_hounsfield_units(made: dict) -> None:
    ds = made["CT"][1]  # the middle of the head
    hounsfield = ds.pixel_array * float(ds.RescaleSlope) + float(ds.RescaleIntercept)

    assert hounsfield.shape == (512, 512)
    assert ds.pixel_array.dtype == np.int16
    assert hounsfield[:20, :20].mean() == pytest.approx(-1000, abs=30)
    assert np.median(hounsfield[200:312, 200:312]) == pytest.approx(32, abs=10)
    assert (hounsfield > 700).mean() > 0.01


def test_mr_weightings_differ_in_the_ventricles(made: dict) -> None:
    axial = {
        ds.SeriesDescription: ds.pixel_array for ds in studies(30, seed=1, modality="MR") if ds.InstanceNumber == 6
    }
    ventricle = np.s_[110:140, 115:141]

    assert axial["T2 TSE axial"][ventricle].max() > 1300
    assert axial["FLAIR axial"][ventricle].min() < 300


def test_radiograph_is_dark_in_the_lungs_and_bright_in_the_spine(made: dict) -> None:
    pixels = made["CR"][0].pixel_array

    assert pixels.shape[0] >= 1024
    assert pixels[400:600, 300:420].mean() < 0.75 * pixels[400:600, 610:670].mean()


def test_ultrasound_moves_from_frame_to_frame_and_one_series_is_in_colour(made: dict) -> None:
    gray, colour = made["US"]

    assert gray.NumberOfFrames >= 20
    assert gray.pixel_array.shape == (gray.NumberOfFrames, gray.Rows, gray.Columns)
    assert np.abs(gray.pixel_array[0].astype(int) - gray.pixel_array[12]).mean() > 3
    assert colour.pixel_array.shape[-1] == 3
    assert (np.ptp(colour.pixel_array[0], axis=-1) > 100).any()


def test_mixed_goes_through_the_modalities_and_stops_at_the_count() -> None:
    instances = list(studies(10, seed=3))

    assert len(instances) == 10
    assert [ds.Modality for ds in instances[:5]] == ["CR", "CR", "US", "US", "CT"]
    assert len({ds.PatientID for ds in instances}) == len({ds.StudyInstanceUID for ds in instances}) == 3


def test_largest_study_is_followed_by_the_next_patient() -> None:
    largest = KINDS["CR"][0].largest

    assert [ds.PatientID for ds in studies(largest + 1, seed=3, modality="CR")][-1] == "LAB-0002"


@pytest.mark.peers
@pytest.mark.parametrize("modality", sorted(COUNTS))
def test_dciodvfy_finds_no_error(modality: str, made: dict, tmp_path: Path) -> None:
    if shutil.which("dciodvfy") is None:
        pytest.skip("dciodvfy is missing: apt-get install dicom3tools")
    for number, ds in enumerate(made[modality]):
        path = tmp_path / f"{number}.dcm"
        ds.save_as(path, enforce_file_format=True)
        answer = subprocess.run(["dciodvfy", "-new", str(path)], capture_output=True, text=True, check=False)
        assert answer.returncode == 0
        assert "Error" not in answer.stderr


def test_encoded_phantom_reads_back(made: dict) -> None:
    ds = dcmread(BytesIO(encoded(made["CT"][0])))

    assert ds == made["CT"][0]
