"""The lists of an allowlist entry: each spelling of a value in one form, each mistake in words."""

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from pydicom.uid import CTImageStorage, SecondaryCaptureImageStorage

from dicomnet.restrictions import normal_certificates, normal_move_destinations, normal_sop_classes

FINGERPRINT = "0a1b" * 16
COLONS = ":".join(FINGERPRINT.upper()[at : at + 2] for at in range(0, 64, 2))


@pytest.mark.parametrize(
    "text",
    [FINGERPRINT, FINGERPRINT.upper(), COLONS, f" {COLONS} ", f"sha256 Fingerprint={COLONS}", f"SHA256:{FINGERPRINT}"],
)
def test_a_fingerprint_in_each_form_that_tools_print(text: str) -> None:
    assert normal_certificates([text]) == [FINGERPRINT]


@pytest.mark.parametrize("text", ["CT1", "ct1.hospital", "Röntgen Raum 1", "cafe", "10.1.2.3", "DE:AD"[:2]])
def test_a_name_stays_as_it_is(text: str) -> None:
    assert normal_certificates([text]) == [text]


def test_what_is_given_twice_is_kept_once_in_order() -> None:
    assert normal_certificates(["b", COLONS, "a", FINGERPRINT, "b"]) == ["b", FINGERPRINT, "a"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a1" * 20, "has 64 hexadecimal digits, this has 40"),
        (COLONS[:-3], "this has 62"),
        ("AB:CD", "this has 4"),
        ("", "Enter a SHA-256 fingerprint"),
        ("x" * 256, "at most 255"),
        ("a\nb", "Enter a SHA-256"),
    ],
)
def test_what_is_no_certificate(text: str, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        normal_certificates([text])


def test_sop_classes_by_keyword_and_uid() -> None:
    given = ["CTImageStorage", str(SecondaryCaptureImageStorage), " CTImageStorage ", "1.3.12.2.1107.5.9.1"]
    assert normal_sop_classes(given) == [CTImageStorage, SecondaryCaptureImageStorage, "1.3.12.2.1107.5.9.1"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("CTImageStrage", "did you mean CTImageStorage"),
        ("qqqqqqqq", "write it as CTImageStorage"),
        ("1.2.03", "is no SOP Class"),
        ("", "is no SOP Class"),
        ("Verification", "not a SOP Class of storage"),
        ("1.2.840.10008.1.2.1", "not a SOP Class of storage"),
        ("StudyRootQueryRetrieveInformationModelFind", "not a SOP Class of storage"),
    ],
)
def test_what_is_no_storage_class(text: str, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        normal_sop_classes([text])


def test_move_destinations() -> None:
    assert normal_move_destinations(["PACS", " WS 1 ", "PACS"]) == ["PACS", "WS 1"]
    with pytest.raises(ValidationError, match="“SEVENTEEN LETTERS” is no AE title"):
        normal_move_destinations(["SEVENTEEN LETTERS"])


def test_each_mistake_is_named() -> None:
    with pytest.raises(ValidationError) as refusal:
        normal_sop_classes(["CTImageStrage", "CTImageStorage", "MRImageStrage"])
    assert len(refusal.value.messages) == 2


@pytest.mark.parametrize("value", [None, "CT1", {}, {"a": 1}, [1], [None], [["CT1"]], 7, True])
def test_what_is_no_list_of_texts(value: Any) -> None:
    with pytest.raises(ValidationError, match="list of texts"):
        normal_certificates(value)


def test_a_list_has_an_end() -> None:
    with pytest.raises(ValidationError, match="At most 256"):
        normal_certificates([f"name {number}" for number in range(257)])
