"""Changed copies: what the actions say is there, and nothing else is different, to the byte."""

import hashlib
from pathlib import Path
from typing import Any

import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    CTImageStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
)

from dicomnet.part10 import DEFLATED, read_file_meta
from gateway.env import Environment
from routing import morph as morphing
from routing.action_types import Change
from routing.actions import changes_of, parse_actions
from routing.deidentify.pseudonyms import new_uid
from routing.elements import data_set
from routing.encoding import encoding_of
from routing.morph import CannotChange, morph
from tests.corpus import (
    UNDEFINED,
    data_set_bytes,
    deflated,
    delimiter,
    element,
    encoded,
    nested,
    part10,
    pydicom_files,
    write_part10,
)
from tests.corpus import data_set as small

SYNTAXES = [
    str(ExplicitVRLittleEndian),
    str(ExplicitVRBigEndian),
    str(ImplicitVRLittleEndian),
    str(DeflatedExplicitVRLittleEndian),
    str(JPEGBaseline8Bit),
]
ITEM, ITEM_END, SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD


@pytest.fixture(autouse=True)
def _key(home: Environment) -> None:
    """Pseudonyms need an installation."""


def actions(*values: dict[str, Any]) -> tuple[Change, ...]:
    return changes_of(parse_actions(list(values)))


def setting(attribute: str, value: object) -> dict[str, Any]:
    return {"action": "set", "attribute": attribute, "value": value}


def instance(**attributes: Any) -> Dataset:
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 100"
    ds.SOPClassUID, ds.SOPInstanceUID = CTImageStorage, "1.2.3.9"
    ds.StudyInstanceUID, ds.SeriesInstanceUID = "1.2.3.4", "1.2.3.4.5"
    ds.PatientID, ds.PatientName, ds.Modality = "P1", "Müller^Jörg", "CT"
    for keyword, value in attributes.items():
        setattr(ds, keyword, value)
    return ds


def with_pixels(ds: Dataset, syntax: str, pixels: bytes) -> Dataset:
    ds.Rows, ds.Columns, ds.BitsAllocated, ds.BitsStored, ds.HighBit = 2, len(pixels) // 2, 8, 8, 7
    ds.PixelRepresentation, ds.SamplesPerPixel, ds.PhotometricInterpretation = 0, 1, "MONOCHROME2"
    is_encapsulated = syntax == JPEGBaseline8Bit
    ds.add_new(0x7FE00010, "OB", encapsulate([pixels, pixels]) if is_encapsulated else pixels)
    ds["PixelData"].is_undefined_length = is_encapsulated
    return ds


def stored(tmp_path: Path, ds: Dataset, syntax: str = str(ExplicitVRLittleEndian)) -> Path:
    return write_part10(tmp_path, encoded(ds, syntax), uid=ds.SOPInstanceUID, syntax=syntax)


def changed(source: Path, *values: dict[str, Any]) -> Path:
    target = source.with_name(f"{len(list(source.parent.iterdir()))}.out")
    morph(source, target, actions(*values))
    return target


def spans(path: Path) -> dict[int, bytes]:
    """Each element of the top level as it is encoded, by tag."""
    with path.open("rb") as file:
        meta = read_file_meta(file)
        syntax = meta.transfer_syntax_uid
        view = morphing._data_set_of(file, meta.data_set_offset, is_deflated=syntax in DEFLATED)
    ds = data_set(view, encoding_of(syntax))
    return {element.tag: b"".join(element.pieces()) for element in ds.elements}


def test_without_an_action_the_data_set_is_the_same(tmp_path: Path) -> None:
    for number, path in enumerate(pydicom_files()):
        target = tmp_path / f"{number}.dcm"
        try:
            morph(path, target, ())
        except CannotChange:
            # What our own walk does not take is sent unchanged as it is, and changed not at all.
            assert path.name in NOT_FOLLOWED
            continue
        if pydicom.dcmread(path, stop_before_pixels=True).file_meta.TransferSyntaxUID != DeflatedExplicitVRLittleEndian:
            assert data_set_bytes(target) == data_set_bytes(path), path.name
        assert spans(target) == spans(path)


# Cut off, or in another encoding than their transfer syntax says.
NOT_FOLLOWED = frozenset(("MR_truncated.dcm", "rtplan_truncated.dcm", "SC_rgb_jpeg.dcm"))


@pytest.mark.parametrize("syntax", SYNTAXES)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    values=st.fixed_dictionaries(
        {},
        optional={
            "PatientName": st.text("abcäöüÉ^ ", min_size=1, max_size=40).filter(lambda text: text.strip(" ^")),
            "PatientID": st.text("ABC123 -ß", min_size=1, max_size=64).filter(str.strip),
            "StudyDescription": st.text("xyzÀ", max_size=64),
            "StudyDate": st.dates().map(lambda day: f"{day:%Y%m%d}".zfill(8)),
            "SeriesNumber": st.integers(-(2**31), 2**31 - 1).map(str),
            "ImageComments": st.text("long text\n", max_size=400),
        },
    ),
    pixels=st.binary(min_size=2, max_size=64).filter(lambda pixels: len(pixels) % 2 == 0),
)
def test_set_then_read_is_equal_and_all_else_the_same(
    tmp_path: Path, syntax: str, values: dict[str, str], pixels: bytes
) -> None:
    ds = instance(InstitutionName="Ä", OtherPatientIDsSequence=[instance(PatientID="inner")])
    ds.add_new(0x00190010, "LO", "CREATOR")
    ds.add_new(0x00191001, "LO", "private")
    source = stored(tmp_path, with_pixels(ds, syntax, pixels), syntax)
    todo = [setting(keyword, value) for keyword, value in values.items()]
    once = changed(source, *todo)
    read = pydicom.dcmread(once)
    for keyword, value in values.items():
        strip = str.rstrip if keyword == "ImageComments" else str.strip
        assert strip(str(read.get(keyword, ""))) == strip(value)
    before, after = spans(source), spans(once)
    touched = {pydicom.datadict.tag_for_keyword(keyword) for keyword in values}
    assert {tag: raw for tag, raw in after.items() if tag not in touched} == {
        tag: raw for tag, raw in before.items() if tag not in touched
    }
    pixel_data = hashlib.sha256(before[0x7FE00010]).digest()
    assert hashlib.sha256(after[0x7FE00010]).digest() == pixel_data
    assert changed(once, *todo).read_bytes() == once.read_bytes()  # twice is as good as once
    assert changed(source, *todo).read_bytes() == once.read_bytes()  # and again gives the same bytes
    for path in [*tmp_path.glob("*.dcm"), *tmp_path.glob("*.out")]:
        path.unlink()


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_each_header_action(tmp_path: Path, syntax: str) -> None:
    ds = instance(AccessionNumber="A7", InstitutionName="Alt\\Other", PatientComments="secret", StationName="S")
    source = stored(tmp_path, ds, syntax)
    read = pydicom.dcmread(
        changed(
            source,
            {"action": "copy", "attribute": "StudyID", "from": "AccessionNumber"},
            {"action": "copy", "attribute": "PatientID", "from": "PatientSex"},  # which is absent
            {"action": "prefix", "attribute": "PatientID", "value": "X-"},
            {"action": "prefix", "attribute": "PatientSex", "value": "X"},
            {"action": "remove", "attribute": "PatientComments"},
            {"action": "map", "attribute": "InstitutionName", "table": {"Alt\\Other": "n", "Alt": "Neu"}},
            {"action": "map", "attribute": "StationName", "table": {"Q": "R"}, "default": "remove"},
            {"action": "map", "attribute": "Modality", "table": {"MR": "CT"}, "default": {"value": "OT"}},
            setting("Exposure", 5),
            setting("ExposureTimeInms", 2.5),
            setting("SimpleFrameList", 7),
        )
    )
    assert (read.StudyID, read.PatientID, read.InstitutionName, read.Modality) == ("A7", "X-P1", ["Neu", "Other"], "OT")
    assert (read.Exposure, read.ExposureTimeInms, read.SimpleFrameList) == (5, 2.5, 7)
    assert not {"PatientComments", "StationName", "PatientSex"} & set(read.dir())
    tags = [element.tag for element in read]
    assert tags == sorted(tags)


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_new_uids_are_consistent_and_leave_kinds_alone(tmp_path: Path, syntax: str) -> None:
    reference = Dataset()
    reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = CTImageStorage, "1.2.3.9"
    ds = instance(FrameOfReferenceUID="1.2.77", ReferencedImageSequence=[reference], DeviceUID="1.2.66")
    read = pydicom.dcmread(changed(stored(tmp_path, ds, syntax), {"action": "new_uids", "project": "P"}))
    assert read.SOPInstanceUID == read.file_meta.MediaStorageSOPInstanceUID == new_uid("1.2.3.9", "P")
    assert read.ReferencedImageSequence[0].ReferencedSOPInstanceUID == read.SOPInstanceUID
    assert read.StudyInstanceUID == new_uid("1.2.3.4", "P") != new_uid("1.2.3.4", "Q")
    assert read.FrameOfReferenceUID == new_uid("1.2.77", "P")
    assert read.ReferencedImageSequence[0].ReferencedSOPClassUID == read.SOPClassUID == CTImageStorage
    assert read.DeviceUID == "1.2.66"
    assert read.SOPInstanceUID.is_valid


def test_a_value_that_the_character_set_has_not_is_an_error_that_names_the_attribute(tmp_path: Path) -> None:
    source = stored(tmp_path, instance())
    with pytest.raises(CannotChange, match="PatientName cannot have its new value: the character set") as caught:
        changed(source, setting("PatientName", "山田^太郎"))
    assert caught.value.is_permanent
    assert "山" not in str(caught.value)


def test_a_prefix_that_makes_a_value_too_long_is_an_error(tmp_path: Path) -> None:
    source = stored(tmp_path, instance(PatientID="P" * 63))
    with pytest.raises(CannotChange, match="PatientID cannot have its new value: it is longer than the 64"):
        changed(source, {"action": "prefix", "attribute": "PatientID", "value": "XX"})


def odd(*parts: bytes) -> bytes:
    return small(sop_instance_uid=b"1.2.3.9", late=b"".join(parts))


@pytest.mark.parametrize(
    "late",
    [
        pytest.param(nested(60), id="deep sequences"),
        pytest.param(element(0x00400275, "SQ", delimiter(ITEM, 0)), id="an empty item"),
        pytest.param(
            element(0x00400275, "UN", b"", length=UNDEFINED)
            + delimiter(ITEM, UNDEFINED)
            + b"\x40\0\x07\0\4\0\0\0TEST"  # in implicit VR, as the value of UN is
            + delimiter(ITEM_END)
            + delimiter(SEQUENCE_END),
            id="a sequence of VR UN",
        ),
        pytest.param(element(0x00210010, "LO", b"ONE") + element(0x00211001, "UN", b"\1\2\3\4"), id="private"),
        pytest.param(element(0x00200010, "SH", b"x") + element(0x00200000, "UL", b"\4\0\0\0"), id="out of order"),
        pytest.param(element(0x00400007, "LO", b"a") + element(0x00400007, "LO", b"b"), id="twice the same tag"),
        pytest.param(b"\x40\0\x07\0XX\0\0\2\0\0\0ab", id="a VR that nobody knows"),
        pytest.param(element(0x7FE00010, "OW", b"\1\2") + bytes(64), id="zeros behind"),
        pytest.param(element(0xFFFCFFFC, "OB", bytes(6)), id="padding"),
    ],
)
def test_odd_headers_stay_as_they_are(tmp_path: Path, late: bytes) -> None:
    source = write_part10(tmp_path, odd(late), uid="1.2.3.9")
    target = changed(source, setting("PatientID", "NEW"))
    new = element(0x00100020, "LO", b"NEW")
    expected = small(sop_instance_uid=b"1.2.3.9", early=new, late=late)
    assert data_set_bytes(target) == expected


def test_the_length_of_a_group_that_changed_goes_and_others_stay(tmp_path: Path) -> None:
    lengths = element(0x00100000, "UL", b"\x0a\0\0\0") + element(0x00100020, "LO", b"P1")
    source = write_part10(
        tmp_path, small(sop_instance_uid=b"1.9", early=lengths, late=element(0x00400000, "UL", bytes(4)))
    )
    assert 0x00100000 in spans(source)
    after = spans(changed(source, setting("PatientID", "P2")))
    assert 0x00100000 not in after
    assert 0x00400000 in after


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "holds no data set"),
        (small(sop_instance_uid=b"1.9")[:-3], "cut off"),
        (odd(nested(80)), "deep"),
        (odd(element(0x00400275, "SQ", b"", length=UNDEFINED)), "no end"),
        (odd(element(0x00400275, "SQ", b"", length=1 << 20)), "cut off"),
        (odd(element(0x7FE00010, "OB", b"", length=UNDEFINED) + element(0x00100010, "PN", b"x")), "fragments"),
        (odd(delimiter(ITEM, 0)), "delimiter"),
        (encoded(instance(), str(ImplicitVRLittleEndian)), "transfer syntax"),
    ],
)
def test_what_cannot_be_followed_is_not_changed(tmp_path: Path, data: bytes, words: str) -> None:
    source = write_part10(tmp_path, data, uid="1.2.3.9")
    with pytest.raises(CannotChange, match=words) as caught:
        changed(source, {"action": "new_uids"})
    assert caught.value.is_permanent


def test_a_deflated_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(morphing, "MAXIMUM_INFLATED", 1 << 20)
    data = deflated(odd(element(0x00091010, "OB", bytes(4 << 20))))
    source = write_part10(tmp_path, data, uid="1.2.3.9", syntax=str(DeflatedExplicitVRLittleEndian))
    with pytest.raises(CannotChange, match="too large"):
        changed(source, setting("PatientID", "x"))


def test_a_disk_that_fails_is_no_reason_to_give_up(tmp_path: Path) -> None:
    source = stored(tmp_path, instance())
    with pytest.raises(CannotChange) as caught:
        morph(source, tmp_path / "no such folder" / "x.dcm", actions(setting("PatientID", "x")))
    assert not caught.value.is_permanent


def test_the_file_meta_says_nothing_of_how_it_came(tmp_path: Path) -> None:
    target = changed(stored(tmp_path, instance()), setting("PatientID", "x"))
    assert b"MODALITY" not in target.read_bytes()
    assert part10(b"", sop_instance_uid="1.2.3.9").startswith(target.read_bytes()[:132])
