"""Every frame that leaves is, sample by sample, what pydicom decodes from the same file; nothing else ever leaves."""

import copy
import warnings
from collections import Counter
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread
from pydicom.encaps import encapsulate, generate_frames
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import UID, ImplicitVRLittleEndian, JPEG2000Lossless, JPEGLSLossless, RLELossless

from gateway.env import Environment
from studies.integrity import believed, path_of
from studies.models import Instance
from studies.pixel_worker import ENCODERS
from studies.spool import Spool
from tests.api_clients import client_of
from tests.corpus import pydicom_files
from tests.e2e.pictures import letter
from tests.studies.dicomweb.archive import address, body, keep, parts_of, sample, small_series

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("bells")]
OCTETS = "multipart/related; type=application/octet-stream"


def _with_pixels() -> list[Path]:
    """One file of each UID among pydicom's that its decoders can read whole."""
    found, seen = [], set()
    for path in pydicom_files():
        ds = dcmread(path, stop_before_pixels=True)
        if "BitsAllocated" in ds and path.stat().st_size < 1_000_000 and ds.SOPInstanceUID not in seen:
            seen.add(ds.SOPInstanceUID)
            found.append(path)
    return found


def _decoded(path: Path) -> list[np.ndarray] | None:
    """Its frames as pydicom decodes them; None when it cannot."""
    ds = dcmread(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            decoder, count = get_decoder(ds.file_meta.TransferSyntaxUID), int(ds.get("NumberOfFrames") or 1)
            return [decoder.as_array(ds, index=number)[0] for number in range(count)]
    except Exception:  # noqa: BLE001 (whatever pydicom says of its own odd files)
        return None


def _made(folder: Path) -> list[Path]:
    """What pydicom does not come with in a small form: other syntaxes, several frames and fragments, single bits."""
    made = []
    grey, colour = dcmread(sample("CT_small.dcm")), dcmread(sample("examples_rgb_color.dcm"))
    frames = np.stack([grey.pixel_array, grey.pixel_array[::-1], grey.pixel_array[:, ::-1]])
    for number, (given, syntax, count) in enumerate(
        [
            (grey, JPEGLSLossless, 1), (grey, RLELossless, 3), (grey, JPEG2000Lossless, 3),
            (grey, ImplicitVRLittleEndian, 3), (colour, RLELossless, 1), (colour, JPEGLSLossless, 1),
        ],
        1,
    ):  # fmt: skip
        made.append(folder / f"{number}.dcm")
        ds = copy.deepcopy(given)
        ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = UID(f"1.2.3.99.{number}")
        if count > 1:
            ds.NumberOfFrames, ds.PixelData = count, frames.tobytes()
        if syntax.is_encapsulated:
            ds.compress(syntax, encoding_plugin=ENCODERS[syntax], generate_instance_uid=False)
        if (number, count) == (3, 3):
            # Two fragments for each frame, and an offset table to tell them apart.
            ds.PixelData = encapsulate(list(generate_frames(ds.PixelData, number_of_frames=3)), fragments_per_frame=2)
        ds.file_meta.TransferSyntaxUID = syntax
        ds.save_as(made[-1], implicit_vr=syntax.is_implicit_VR, little_endian=True)
    return [*made, *_single_bits(folder)]


def _single_bits(folder: Path) -> list[Path]:
    """Frames whose bits do not fill whole bytes, one after another (PS3.5 8.2)."""
    ds = dcmread(sample("CT_small.dcm"))
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = UID("1.2.3.99.100")
    ds.Rows = ds.Columns = 5
    ds.BitsAllocated = ds.BitsStored = 1
    ds.HighBit = ds.PixelRepresentation = 0
    ds.NumberOfFrames = 3
    bits = np.random.default_rng(7).integers(0, 2, 75, np.uint8)
    ds.PixelData = np.packbits(bits, bitorder="little").tobytes()
    ds.save_as(folder / "bits.dcm")
    return [folder / "bits.dcm"]


def test_frames_of_every_syntax_are_those_that_pydicom_decodes(spool: Spool, tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()
    paths = [*(path for path in _with_pixels() if _is_taken(path)), *_made(tmp_path / "made")]
    rows = keep(spool, *paths)
    client, syntaxes = client_of("viewer"), Counter[str]()
    odd: list[tuple[str, object]] = []

    for path, row in zip(paths, rows, strict=True):
        expected = _decoded(path)
        numbers = ",".join(str(number) for number in range(1, (len(expected) if expected else 1) + 1))
        response = client.get(address(row, f"/frames/{numbers}"), HTTP_ACCEPT=OCTETS)
        if expected is None:
            if response.status_code not in {404, 406}:
                odd.append((path.name, response.status_code))
            continue
        if response.status_code != 200:
            odd.append((path.name, response.status_code))
            continue
        contents = [content for _, content in parts_of(response)]
        if not all(_same(frame, content, row) for frame, content in zip(expected, contents, strict=True)):
            odd.append((path.name, "differs"))
        syntaxes[row.transfer_syntax_uid] += 1

    # Its Number of Frames is no number: pydicom gives up, here it has the one frame that its bytes hold.
    assert odd == [("badVR.dcm", 200)]
    assert len(syntaxes) >= 10, syntaxes


def _is_taken(path: Path) -> bool:
    ds = dcmread(path, stop_before_pixels=True)
    return bool(ds.get("StudyInstanceUID")) and not ds.file_meta.TransferSyntaxUID.is_private


def _same(frame: np.ndarray, content: bytes, row: Instance) -> bool:
    if len(content) * 8 == -(-frame.size // 8) * 8 and len(content) != frame.nbytes:  # one bit for each sample
        return np.array_equal(
            np.unpackbits(np.frombuffer(content, np.uint8), bitorder="little")[: frame.size], frame.ravel()
        )
    return np.array_equal(np.frombuffer(content, frame.dtype.newbyteorder("<")).reshape(frame.shape), frame)


def test_damage_is_an_error_and_never_pixels(spool: Spool, home: Environment, tmp_path: Path) -> None:
    (row,) = small_series(spool, tmp_path, 1)
    path = path_of(row)
    content = bytearray(path.read_bytes())
    content[-100] ^= 1
    path.write_bytes(content)
    believed.clear()
    client = client_of("viewer")

    for more in ("/frames/1", "/rendered", "/thumbnail", "/metadata", "/bulkdata/7FE00010"):
        response = client.get(address(row, more))
        assert response.status_code == 500, more
        assert "damaged" in response.json()["detail"]
    with pytest.raises(Exception, match="damaged"):
        body(client.get(address(row), HTTP_ACCEPT="application/dicom"))
    path.unlink()
    assert client.get(address(row)).status_code == 500


@pytest.mark.parametrize("media_type", ["image/jpeg", "image/png", "image/gif"])
def test_a_rendered_picture_has_the_form_and_size_that_was_asked_for(spool: Spool, media_type: str) -> None:
    (row,) = keep(spool, sample("CT_small.dcm"))

    response = client_of("viewer").get(
        address(row, "/rendered?viewport=64,32&window=40,400,linear"), HTTP_ACCEPT=media_type
    )

    assert response["Content-Type"] == media_type
    assert response["X-Content-Type-Options"] == "nosniff"
    image = Image.open(BytesIO(response.content))
    assert (image.size, f"image/{image.format}".lower()) == ((32, 32), media_type)


def test_a_window_is_applied_as_the_standard_says(spool: Spool) -> None:
    (row,) = keep(spool, sample("CT_small.dcm"))
    ds = dcmread(sample("CT_small.dcm"))
    values = ds.pixel_array * float(ds.RescaleSlope) + float(ds.RescaleIntercept)

    response = client_of("viewer").get(address(row, "/rendered?window=40,400,linear"), HTTP_ACCEPT="image/png")

    shown = np.asarray(Image.open(BytesIO(response.content)))
    expected = np.clip(((values - 39.5) / 399 + 0.5), 0, 1) * 255
    assert np.abs(shown - expected).max() <= 1


@pytest.mark.parametrize("name", ["examples_palette.dcm", "SC_rgb_jpeg_dcmtk.dcm", "SC_rgb_rle_2frame.dcm"])
def test_colours_are_rendered_as_pydicom_converts_them(spool: Spool, name: str) -> None:
    (row,) = keep(spool, sample(name))

    response = client_of("viewer").get(address(row, "/rendered"), HTTP_ACCEPT="image/png")

    assert Image.open(BytesIO(response.content)).mode == "RGB"


@pytest.mark.parametrize(
    "query",
    [
        "viewport=0,1", "viewport=1", "viewport=1,2,3", "viewport=99999,1", "window=1", "window=a,b", "window=1,0",
        "window=1,nan", "window=1,2,cubic", "quality=0", "quality=101", "quality=x", "viewport=1e9,1",
    ],
)  # fmt: skip
def test_odd_wishes_are_refused(spool: Spool, query: str) -> None:
    (row,) = keep(spool, sample("CT_small.dcm"))
    response = client_of("viewer").get(address(row, f"/rendered?{query}"))
    assert (response.status_code, response["Content-Type"]) == (400, "application/problem+json")


def test_what_has_no_pixels_says_so_and_has_a_card_for_a_thumbnail(spool: Spool) -> None:
    (row,) = keep(spool, sample("test-SR.dcm"))
    client = client_of("viewer")

    assert client.get(address(row, "/frames/1")).status_code == 406
    assert client.get(address(row, "/rendered")).status_code == 406
    card = client.get(address(row, "/thumbnail"), HTTP_ACCEPT="image/png")
    assert Image.open(BytesIO(card.content)).size == (128, 128)


def test_a_pdf_comes_as_it_is_and_only_this_site_may_frame_it(spool: Spool, tmp_path: Path) -> None:
    ds = letter()
    ds.save_as(tmp_path / "letter.dcm", enforce_file_format=True)
    (row,) = keep(spool, tmp_path / "letter.dcm")

    response = client_of("viewer").get(address(row, "/rendered"))

    assert response["Content-Type"] == "application/pdf"
    assert response.content == ds.EncapsulatedDocument.rstrip(b"\0")
    assert response["X-Frame-Options"] == "SAMEORIGIN"
    assert response["Content-Security-Policy"] == "sandbox; default-src 'none'; frame-ancestors 'self'"


def test_a_compressed_instance_comes_decompressed_unless_anything_is_taken(spool: Spool) -> None:
    (row,) = keep(spool, sample("JPEG2000.dcm"))
    client = client_of("viewer")

    ((fields, default),) = parts_of(client.get(address(row)))
    stored = body(client.get(address(row), HTTP_ACCEPT="application/dicom; transfer-syntax=*"))
    squeezed = body(client.get(address(row), HTTP_ACCEPT="application/dicom; transfer-syntax=1.2.840.10008.1.2.5"))

    assert fields["content-type"] == "application/dicom; transfer-syntax=1.2.840.10008.1.2.1"
    expected = dcmread(sample("JPEG2000.dcm")).pixel_array
    for content, syntax in (
        (default, "1.2.840.10008.1.2.1"),
        (stored, row.transfer_syntax_uid),
        (squeezed, "1.2.840.10008.1.2.5"),
    ):
        ds = dcmread(BytesIO(content))
        assert ds.file_meta.TransferSyntaxUID == syntax
        assert "PrivateInformation" not in ds.file_meta
        assert np.array_equal(ds.pixel_array, expected)


def test_big_endian_comes_in_little_endian(spool: Spool) -> None:
    (row,) = keep(spool, sample("MR_small_bigendian.dcm"))
    client, expected = client_of("viewer"), dcmread(sample("MR_small_bigendian.dcm")).pixel_array

    ds = dcmread(BytesIO(body(client.get(address(row), HTTP_ACCEPT="application/dicom"))))
    bulk = client.get(address(row, "/bulkdata/7FE00010"), HTTP_ACCEPT="application/octet-stream").content

    assert ds.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.1"
    assert np.array_equal(ds.pixel_array, expected)
    assert bulk == expected.astype("<i2").tobytes()


def test_bulk_data_are_the_bytes_of_the_value(spool: Spool) -> None:
    (row,) = keep(spool, sample("CT_small.dcm"))
    client = client_of("viewer")

    ((_, pixels),) = parts_of(client.get(address(row, "/bulkdata/7FE00010")))
    alone = client.get(address(row, "/bulkdata/7fe00010"), HTTP_ACCEPT="application/octet-stream").content

    assert pixels == alone == dcmread(sample("CT_small.dcm")).PixelData
    assert client.get(address(row, "/bulkdata/00111111")).status_code == 404
    assert client.get(address(row, "/bulkdata/00400275/0/00400007")).status_code == 404


@pytest.mark.parametrize(
    ("frames", "status"), [("2", 404), ("0", 400), ("1,2", 404), ("a", 400), ("1,,2", 400), ("-1", 400)]
)
def test_frames_that_are_not_there(spool: Spool, frames: str, status: int) -> None:
    (row,) = keep(spool, sample("CT_small.dcm"))
    assert client_of("viewer").get(address(row, f"/frames/{frames}"), HTTP_ACCEPT=OCTETS).status_code == status
