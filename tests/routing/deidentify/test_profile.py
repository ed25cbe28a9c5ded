"""What an instance is after its de-identification: what it says, keeps, and refuses."""

from datetime import date

import pytest
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.uid import (
    BasicTextSRStorage,
    DeflatedExplicitVRLittleEndian,
    EncapsulatedPDFStorage,
    MRImageStorage,
    SecondaryCaptureImageStorage,
    UltrasoundImageStorage,
    XRayAngiographicImageStorage,
)

from dicomnet.part10 import read_file_meta
from gateway.env import Environment
from routing.deidentify.burned_in import MayName
from routing.deidentify.options import BASIC_CODE, OPTIONS
from routing.deidentify.pseudonyms import BadKey, new_uid, pseudonyms_of
from routing.deidentify.words import cleaned, identifying_words
from routing.encoding import BadDataSet
from tests.corpus import data_set_bytes, element, encoded, pydicom_files
from tests.routing.deidentify.conftest import deidentified, deidentified_bytes, every_element, instance, parsed, read


def test_it_says_what_was_done() -> None:
    ds = deidentified(instance(), "retain_modified_dates", "clean_descriptors")
    assert ds.PatientIdentityRemoved == "YES"
    assert "PS3.15 2026c" in ds.DeidentificationMethod[0]
    found = [(item.CodeValue, item.CodingSchemeDesignator) for item in ds.DeidentificationMethodCodeSequence]
    assert found == [("113100", "DCM"), ("113107", "DCM"), ("113105", "DCM")]
    assert ds.LongitudinalTemporalInformationModified == "MODIFIED"
    assert deidentified(instance()).LongitudinalTemporalInformationModified == "REMOVED"
    assert deidentified(instance(), "retain_full_dates").LongitudinalTemporalInformationModified == "UNMODIFIED"


def test_the_codes_are_those_of_the_standard() -> None:
    known = {getattr(codes.cid7050, name).value: getattr(codes.cid7050, name).meaning for name in codes.cid7050.dir()}
    assert dict([BASIC_CODE]).items() <= known.items()
    assert {option.code: option.meaning for option in OPTIONS.values() if option.code}.items() <= known.items()


def test_pseudonyms_are_stable_within_a_project_and_differ_between_projects() -> None:
    one, other = deidentified(instance()), deidentified(instance(SOPInstanceUID="1.2.3.10", PatientName="Leaky^L"))
    assert one.PatientID == other.PatientID == one.PatientName != "SECRET77"
    assert one.StudyInstanceUID == other.StudyInstanceUID == new_uid("1.2.3.4", "P")
    assert one.SOPInstanceUID != other.SOPInstanceUID
    assert deidentified(instance(), project="Q").PatientID != one.PatientID
    assert deidentified(instance(PatientID="SECRET78")).PatientID != one.PatientID
    assert deidentified(instance(IssuerOfPatientID="Elsewhere")).PatientID != one.PatientID
    nameless = instance(PatientID="", PatientName="")
    assert deidentified(nameless).PatientID != deidentified(instance(PatientID="")).PatientID


def test_a_key_file_goes_before_the_secret_key_and_must_be_long(home: Environment) -> None:
    before = pseudonyms_of("P").patient_id("x")
    home.secrets_dir.mkdir(exist_ok=True)
    key = home.secrets_dir / "pseudonym_key"
    key.write_bytes(b"k" * 32)
    assert pseudonyms_of("P").patient_id("x") != before
    key.write_bytes(b"short")
    with pytest.raises(BadKey, match="shorter than 32"):
        pseudonyms_of("P")


def test_private_attributes_go_but_those_known_to_be_safe_when_asked() -> None:
    ds = instance()
    ds.add_new(0x70530010, "LO", "Philips PET Private Group")
    ds.add_new(0x70531000, "DS", "1.5")
    ds.add_new(0x70531009, "LO", "Larry")
    ds.add_new(0x70531003, "ST", "Larry")
    ds.add_new(0x70530011, "LO", "SOMEBODY ELSE")
    ds.add_new(0x70531100, "DS", "2.5")
    assert not [element for element in deidentified(ds) if element.tag.is_private]
    kept = {element.tag: element.value for element in deidentified(ds, "retain_safe_private") if element.tag.is_private}
    assert kept == {0x70530010: "Philips PET Private Group", 0x70531000: 1.5}


def test_dates_of_a_patient_move_together() -> None:
    ds = instance(StudyDate="20260301", AcquisitionDateTime="20260302101112.5+0100", StudyTime="101112")
    ds.SeriesDate, ds.ContentDate = "2026", "20260303"
    moved = deidentified(ds, "retain_modified_dates")
    days = pseudonyms_of("P").days("\0SECRET77")
    assert moved.StudyTime == "101112"

    def as_date(text: str) -> date:
        return date(int(text[:4]), int(text[4:6]), int(text[6:8]))

    assert (date(2026, 3, 1) - as_date(moved.StudyDate)).days == days
    assert (as_date(moved.ContentDate) - as_date(moved.StudyDate)).days == 2
    assert moved.AcquisitionDateTime[8:] == "101112.5+0100"
    assert moved.SeriesDate == "19000101"  # a year alone cannot be moved by days
    assert moved.PatientBirthDate == ""


def test_a_name_in_an_attribute_that_stays_is_found() -> None:
    ds = instance(ManufacturerModelName="Larry's scanner", SequenceName="SECRET77", ImageType=["ORIGINAL", "LEAKY"])
    ds.ConvolutionKernel = "B30f"
    left = deidentified(ds)
    assert (left.ManufacturerModelName, left.SequenceName, left.ImageType) == ("REMOVED", "REMOVED", "REMOVED")
    assert left.ConvolutionKernel == "B30f"


def test_descriptions_keep_the_words_of_medicine_only() -> None:
    ds = instance(SeriesDescription="T1 axial thorax 5mm Leaky Smithson 0171234567", StudyDescription="Smithers")
    left = deidentified(ds, "clean_descriptors")
    assert left.SeriesDescription == "T1 axial thorax 5mm"
    assert "StudyDescription" not in left
    assert "SeriesDescription" not in deidentified(ds)
    assert cleaned("Head lung Head", frozenset({"head"})) == "lung"


def report() -> Dataset:
    text, number = Dataset(), Dataset()
    text.RelationshipType, text.ValueType, text.TextValue = "CONTAINS", "TEXT", "Nodule in lung of Larry Leaky"
    name = Dataset()
    name.RelationshipType, name.ValueType, name.PersonName = "CONTAINS", "PNAME", "Reader^Rita"
    number.RelationshipType, number.ValueType = "CONTAINS", "NUM"
    measured = Dataset()
    measured.NumericValue = "7.5"
    number.MeasuredValueSequence = [measured]
    return instance(SOPClassUID=BasicTextSRStorage, Modality="SR", ContentSequence=[text, name, number])


def test_the_content_of_reports_goes_or_is_cleaned() -> None:
    (only,) = deidentified(report()).ContentSequence
    assert only.TextValue == "Removed"
    text, name, number = deidentified(report(), "clean_structured_content").ContentSequence
    assert text.TextValue == "Nodule lung"
    assert name.PersonName == "REMOVED"
    assert number.MeasuredValueSequence[0].NumericValue == 7.5


def test_overlays_curves_and_writing_among_graphics_go() -> None:
    graphic, text = Dataset(), Dataset()
    graphic.GraphicType = "POLYLINE"
    text.UnformattedTextValue = "Larry"
    annotation = Dataset()
    annotation.GraphicObjectSequence, annotation.TextObjectSequence = [graphic], [text]
    ds = instance(GraphicAnnotationSequence=[annotation])
    ds.add_new(0x60000010, "US", 2)
    ds.add_new(0x60003000, "OW", b"\1\2")
    ds.add_new(0x50003000, "OW", b"\1\2")
    for options in ([], ["clean_graphics"]):
        left = deidentified(ds, *options)
        assert not [element for element in left if element.tag.group in {0x5000, 0x6000}]
        assert "TextObjectSequence" not in left.GraphicAnnotationSequence[0]
        assert ("GraphicObjectSequence" in left.GraphicAnnotationSequence[0]) == bool(options)


def pixels(ds: Dataset) -> Dataset:
    ds.add_new(0x7FE00010, "OW", b"\1\2")
    return ds


@pytest.mark.parametrize(
    ("attributes", "is_refused"),
    [
        ({}, False),
        ({"BurnedInAnnotation": "YES"}, True),
        ({"RecognizableVisualFeatures": "YES"}, True),
        ({"SOPClassUID": MRImageStorage, "BurnedInAnnotation": "NO"}, False),
        ({"SOPClassUID": UltrasoundImageStorage}, True),
        ({"SOPClassUID": UltrasoundImageStorage, "BurnedInAnnotation": "NO"}, False),
        ({"SOPClassUID": SecondaryCaptureImageStorage}, True),
        ({"SOPClassUID": SecondaryCaptureImageStorage, "BurnedInAnnotation": "UNKNOWN"}, True),
        ({"SOPClassUID": XRayAngiographicImageStorage}, True),
        ({"SOPClassUID": "1.3.12.2.1107.5.9.1"}, True),  # a class of one maker
        ({"ConversionType": "DV"}, True),
        ({"ImageType": ["DERIVED", "SECONDARY", "SCREEN SAVE"]}, True),
    ],
)
def test_what_may_show_a_name_in_its_pixels_is_refused(attributes: dict[str, object], is_refused: bool) -> None:
    ds = pixels(instance(**attributes))
    assert deidentified(ds, "accept_burned_in_risk").PatientIdentityRemoved == "YES"
    if is_refused:
        with pytest.raises(MayName):
            deidentified(ds)
    else:
        assert deidentified(ds).PixelData == b"\1\2"


def test_documents_are_refused_whatever_risk_is_taken() -> None:
    ds = instance(SOPClassUID=EncapsulatedPDFStorage)
    ds.EncapsulatedDocument = b"%PDF-1.4"
    with pytest.raises(MayName, match="Encapsulated PDF"):
        deidentified(ds, "accept_burned_in_risk")


def test_uids_of_kinds_stay_and_those_of_things_go() -> None:
    ds = instance(ContextUID="1.2.840.10008.6.1.5", CodingSchemeUID="2.16.840.1.113883.6.96")
    ds.add_new(0x300A0675, "UI", "1.2.99.7")  # no row in the table
    left = deidentified(ds)
    assert left.ContextUID == "1.2.840.10008.6.1.5"
    assert left[0x300A0675].value == new_uid("1.2.99.7", "P")
    assert deidentified(ds, "retain_uids")[0x300A0675].value == "1.2.99.7"
    assert left.SOPClassUID == ds.SOPClassUID


def test_it_is_the_same_each_time() -> None:
    data = encoded(instance(OtherPatientIDsSequence=[instance()]), "1.2.840.10008.1.2.1")
    assert deidentified_bytes(data) == deidentified_bytes(data)


def test_a_value_in_another_vr_than_the_dictionarys_goes() -> None:
    data = (
        encoded(instance(), "1.2.840.10008.1.2.1")
        + element(0x00280010, "LO", b"Larry")
        + element(0x00280011, "UN", b"\1\0")
    )
    left = read(deidentified_bytes(data))
    assert "Rows" not in left
    assert "Columns" in left


def test_the_real_files_of_pydicom_lose_their_names() -> None:
    names_seen = 0
    for path in pydicom_files():
        with path.open("rb") as file:
            syntax = read_file_meta(file).transfer_syntax_uid
        if syntax == DeflatedExplicitVRLittleEndian:
            continue
        try:
            before = parsed(data_set_bytes(path), syntax)
            words = {word for word in identifying_words(before) if len(word) > 4}
            after = parsed(deidentified_bytes(data_set_bytes(path), "accept_burned_in_risk", syntax=syntax), syntax)
        except (MayName, BadDataSet):  # such as the files that are cut off
            continue
        left = b"\n".join(value for tag, value in every_element(after) if tag < 0x7FE00000).lower()
        assert not [word for word in words if word.isascii() and word.encode() in left], path.name
        names_seen += bool(words)
    assert names_seen > 30


def test_names_in_other_scripts_are_found_without_spaces_around_them() -> None:
    ds = instance(PatientName="Yamada^Tarou=\u5c71\u7530^\u592a\u90ce", ConvolutionKernel="\u5c71\u7530\u69d8")
    ds.SpecificCharacterSet = "ISO_IR 192"
    assert deidentified(ds).ConvolutionKernel == "REMOVED"
