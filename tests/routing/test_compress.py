"""Other transfer syntaxes without loss: every sample is what it was, and what cannot be is refused in words."""

from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian, MRImageStorage

from gateway.env import Environment
from routing.action_kinds import TRANSFER_SYNTAXES
from routing.actions import changes_of, parse_actions
from routing.compress import CannotCompress, Transcoder
from routing.morph import UID_OF, CannotChange, morph
from tests.corpus import encoded, pydicom_files, write_part10


@pytest.fixture(autouse=True)
def _key(home: Environment) -> None:
    """Copies are made in an installation."""


def image(
    *, bits: int = 16, is_signed: bool = False, is_colour: bool = False, frames: int = 1, rows: int = 64
) -> Dataset:
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = MRImageStorage, "1.2.3.9"
    ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.PatientID = "1.2.3.4", "1.2.3.4.5", "P1"
    ds.Rows, ds.Columns, ds.BitsAllocated, ds.BitsStored, ds.HighBit = rows, 80, bits, bits, bits - 1
    ds.PixelRepresentation, ds.SamplesPerPixel = int(is_signed), 3 if is_colour else 1
    ds.PhotometricInterpretation = "RGB" if is_colour else "MONOCHROME2"
    if is_colour:
        ds.PlanarConfiguration = 0
    if frames > 1:
        ds.NumberOfFrames = frames
    random = np.random.default_rng(7)
    kind = {(8, False): "u1", (16, False): "<u2", (16, True): "<i2", (8, True): "i1"}[bits, is_signed]
    bounds = np.iinfo(kind)
    count = frames * rows * 80 * ds.SamplesPerPixel
    samples = random.integers(bounds.min, bounds.max, count, endpoint=True).astype(kind)
    ds.add_new(0x7FE00010, "OB" if bits == 8 else "OW", samples.tobytes())
    ds.add_new(0x00190010, "LO", "CREATOR")
    ds.add_new(0x00191001, "LO", "private")
    return ds


def samples(path: Path) -> Any:
    ds = pydicom.dcmread(path)
    return get_decoder(ds.file_meta.TransferSyntaxUID).as_array(ds, raw=True)[0]


def compressed(source: Path, keyword: str, *others: dict[str, Any]) -> Path:
    target = source.with_suffix(f".{keyword}.{len(others)}")
    morph(source, target, changes_of(parse_actions([{"action": "compress", "transfer_syntax": keyword}, *others])))
    return target


@pytest.mark.parametrize("keyword", TRANSFER_SYNTAXES)
@pytest.mark.parametrize("source_syntax", [str(ExplicitVRLittleEndian), str(ImplicitVRLittleEndian)])
@pytest.mark.parametrize(
    "made",
    [
        image(),
        image(is_signed=True, frames=3),
        image(bits=8),
        image(bits=8, is_colour=True),
    ],
    ids=["16 bits", "signed frames", "8 bits", "colour"],
)
def test_every_sample_is_what_it_was(tmp_path: Path, made: Dataset, source_syntax: str, keyword: str) -> None:
    source = write_part10(tmp_path, encoded(made, source_syntax), uid="1.2.3.9", syntax=source_syntax)
    target = compressed(source, keyword)
    read = pydicom.dcmread(target)
    assert read.file_meta.TransferSyntaxUID == UID_OF[keyword]
    assert np.array_equal(samples(source), samples(target))
    assert (read.SOPInstanceUID, read.PatientID) == ("1.2.3.9", "P1")
    if source_syntax == ExplicitVRLittleEndian:
        assert read[0x00191001].value == "private"
    assert "LossyImageCompression" not in read
    back = compressed(target, "ExplicitVRLittleEndian")
    assert np.array_equal(samples(source), samples(back))
    assert not list(tmp_path.glob("*.changed"))


def test_header_actions_come_first_wherever_compression_stands(tmp_path: Path) -> None:
    source = write_part10(tmp_path, encoded(image(), str(ExplicitVRLittleEndian)), uid="1.2.3.9")
    target = compressed(source, "RLELossless", {"action": "set", "attribute": "PatientID", "value": "NEW"})
    assert pydicom.dcmread(target).PatientID == "NEW"
    assert (
        target.read_bytes()
        == compressed(
            source.rename(source.with_name("x.dcm")),
            "RLELossless",
            {"action": "set", "attribute": "PatientID", "value": "NEW"},
        ).read_bytes()
    )


def test_what_has_no_pixels_or_has_that_form_already_is_left_alone(tmp_path: Path) -> None:
    ds = image()
    plain = write_part10(tmp_path, encoded(ds, str(ExplicitVRLittleEndian)), uid="1.2.3.9")
    assert compressed(plain, "ExplicitVRLittleEndian").read_bytes()[-600:] == plain.read_bytes()[-600:]
    del ds.PixelData
    report = write_part10(
        tmp_path, encoded(ds, str(ImplicitVRLittleEndian)), uid="1.2.3.8", syntax=str(ImplicitVRLittleEndian)
    )
    meta = pydicom.dcmread(compressed(report, "JPEGLSLossless")).file_meta
    assert meta.TransferSyntaxUID == ImplicitVRLittleEndian


TO_JPEG_LS = changes_of(parse_actions([{"action": "compress", "transfer_syntax": "JPEGLSLossless"}]))


def test_a_form_that_no_codec_reads_is_refused_in_words(tmp_path: Path) -> None:
    (path,) = [path for path in pydicom_files() if path.name == "JPEG-lossy.dcm"]  # 12 bits
    with pytest.raises(CannotChange, match="cannot be sent as JPEG-LS Lossless Image Compression") as caught:
        morph(path, tmp_path / "out.dcm", TO_JPEG_LS)
    assert caught.value.is_permanent


@pytest.mark.parametrize(
    "name", ["JPEG2000.dcm", "MR_small_RLE.dcm", "MR_small_jp2klossless.dcm", "SC_rgb_jpeg_gdcm.dcm"]
)
def test_compressed_files_are_transcoded_to_the_same_samples(tmp_path: Path, name: str) -> None:
    (path,) = [path for path in pydicom_files() if path.name == name]
    morph(path, tmp_path / "out.dcm", TO_JPEG_LS)
    assert np.array_equal(samples(path), samples(tmp_path / "out.dcm"))


def test_big_endian_is_refused(tmp_path: Path) -> None:
    syntax = str(ExplicitVRBigEndian)
    source = write_part10(tmp_path, encoded(image(), syntax), uid="1.2.3.9", syntax=syntax)
    with pytest.raises(CannotChange, match="big endian"):
        compressed(source, "RLELossless")


def test_pixels_that_are_cut_off_are_refused_and_the_next_file_is_not(tmp_path: Path) -> None:
    ds = image()
    ds.PixelData = ds.PixelData[:100]
    bad = write_part10(tmp_path, encoded(ds, str(ExplicitVRLittleEndian)), uid="1.2.3.8")
    with pytest.raises(CannotChange, match="cannot be decoded"):
        compressed(bad, "JPEGLSLossless")
    good = write_part10(tmp_path, encoded(image(), str(ExplicitVRLittleEndian)), uid="1.2.3.9")
    assert np.array_equal(samples(good), samples(compressed(good, "JPEGLSLossless")))


@pytest.mark.parametrize("limits", [{"seconds": 0.0}, {"memory_bytes": 1 << 20}])
def test_beyond_the_limits_it_is_refused(tmp_path: Path, limits: dict[str, Any]) -> None:
    source = write_part10(tmp_path, encoded(image(rows=60_000), str(ExplicitVRLittleEndian)), uid="1.2.3.9")
    transcoder = Transcoder(**limits)
    try:
        with pytest.raises(CannotCompress):
            transcoder.transcode(source, tmp_path / "out", UID_OF["RLELossless"])
    finally:
        transcoder.close()


def test_a_child_that_ended_is_replaced(tmp_path: Path) -> None:
    source = write_part10(tmp_path, encoded(image(), str(ExplicitVRLittleEndian)), uid="1.2.3.9")
    transcoder = Transcoder()
    try:
        transcoder.transcode(source, tmp_path / "one", UID_OF["RLELossless"])
        assert transcoder._child is not None
        transcoder._child.kill()
        transcoder._child.wait()
        transcoder.transcode(source, tmp_path / "two", UID_OF["RLELossless"])
        assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    finally:
        transcoder.close()
