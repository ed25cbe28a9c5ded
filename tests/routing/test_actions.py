"""The JSON of a rule's actions: what is taken, and in which words the rest is refused."""

from typing import Any

import pytest
from django.core.exceptions import ValidationError

from routing.action_kinds import KINDS
from routing.action_types import (
    BadAction,
    Compress,
    Copy,
    Deidentify,
    Discard,
    Label,
    Map,
    NewUids,
    Prefix,
    Remove,
    Set,
)
from routing.actions import changes_of, parse_actions, validate_actions
from routing.changeable import Attribute
from routing.models import Rule

PATIENT_ID, INSTITUTION_NAME, COMMENTS = Attribute(0x00100020), Attribute(0x00080080), Attribute(0x00104000)


@pytest.mark.parametrize(
    ("value", "action"),
    [
        ({"action": "set", "attribute": "PatientID", "value": "A1"}, Set(PATIENT_ID, "A1")),
        ({"action": "set", "attribute": "(0010,0020)", "value": 7}, Set(PATIENT_ID, "7")),
        ({"action": "copy", "attribute": "00100020", "from": "PatientComments"}, Copy(PATIENT_ID, COMMENTS)),
        ({"action": "prefix", "attribute": "PatientID", "value": "X-"}, Prefix(PATIENT_ID, "X-")),
        ({"action": "remove", "attribute": "PatientComments"}, Remove(COMMENTS)),
        (
            {"action": "map", "attribute": "InstitutionName", "table": {"A ": "B"}},
            Map(INSTITUTION_NAME, {"A": "B"}, "keep"),
        ),
        (
            {"action": "map", "attribute": "InstitutionName", "table": {"A": "B"}, "default": {"value": "C"}},
            Map(INSTITUTION_NAME, {"A": "B"}, ("C",)),
        ),
        ({"action": "new_uids"}, NewUids("")),
        ({"action": "deidentify"}, Deidentify("basic", frozenset(), "")),
        (
            {"action": "deidentify", "profile": "basic", "options": ["retain_uids"], "project": "P"},
            Deidentify("basic", frozenset({"retain_uids"}), "P"),
        ),
        ({"action": "compress", "transfer_syntax": "RLELossless"}, Compress("RLELossless")),
        ({"action": "label", "label": "research"}, Label("research")),
        ({"action": "discard", "reason": "phantom"}, Discard("phantom")),
    ],
)
def test_each_kind_is_parsed(value: dict[str, Any], action: object) -> None:
    assert parse_actions([value]) == (action,)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({}, "list"),
        (["x"], "Action 1 must be an object"),
        ([{"action": "eval"}], "no known kind"),
        ([{"action": ["set"]}], "no known kind"),
        ([{"action": "set", "attribute": "PatientID"}], "lacks the field value"),
        ([{"action": "remove", "attribute": "PatientID", "x": 1}], "unknown field: x"),
        ([{"action": "set", "attribute": "NoSuchThing", "value": "x"}], "keyword such as PatientID"),
        ([{"action": "set", "attribute": 7, "value": "x"}], "keyword such as PatientID"),
        ([{"action": "set", "attribute": "(0019,1001)", "value": "x"}], "private"),
        ([{"action": "set", "attribute": "TransferSyntaxUID", "value": "1.2"}], "the file, not to the instance"),
        ([{"action": "set", "attribute": "StudyInstanceUID", "value": "1.2"}], "new_uids"),
        ([{"action": "remove", "attribute": "SOPInstanceUID"}], "new_uids"),
        ([{"action": "set", "attribute": "FrameOfReferenceUID", "value": "1.2"}], "new_uids"),
        ([{"action": "remove", "attribute": "PixelData"}], "image itself"),
        ([{"action": "set", "attribute": "Rows", "value": 7}], "another image"),
        ([{"action": "remove", "attribute": "SpecificCharacterSet"}], "unreadable"),
        ([{"action": "set", "attribute": "PatientIdentityRemoved", "value": "YES"}], "deidentify sets it"),
        ([{"action": "set", "attribute": "OtherPatientIDsSequence", "value": "x"}], "can only be removed"),
        ([{"action": "copy", "attribute": "PatientID", "from": "PixelData"}], "holds no text"),
        ([{"action": "set", "attribute": "PatientID", "value": "x" * 65}], "longer than the 64"),
        ([{"action": "set", "attribute": "PatientID", "value": "a\\b"}], "one value only"),
        ([{"action": "set", "attribute": "PatientID", "value": "a\nb"}], "control characters"),
        ([{"action": "set", "attribute": "PatientID", "value": None}], "text or a number"),
        ([{"action": "set", "attribute": "StudyDate", "value": "2026-01-01"}], "YYYYMMDD"),
        ([{"action": "set", "attribute": "StudyDate", "value": "20260231"}], "no such day"),
        ([{"action": "set", "attribute": "Modality", "value": "ct"}], "capital letters"),
        ([{"action": "set", "attribute": "PatientAge", "value": "42"}], "042Y"),
        ([{"action": "set", "attribute": "SeriesNumber", "value": "one"}], "whole number"),
        ([{"action": "set", "attribute": "SliceThickness", "value": "1,5"}], "decimal number"),
        ([{"action": "set", "attribute": "PatientName", "value": "a=b=c=d"}], "three groups"),
        ([{"action": "prefix", "attribute": "StudyDate", "value": "1"}], "no text that a prefix"),
        ([{"action": "prefix", "attribute": "PatientID", "value": ""}], "must not be empty"),
        ([{"action": "map", "attribute": "Modality", "table": {}}], "table must be"),
        ([{"action": "map", "attribute": "Modality", "table": {"A": "b"}}], "table does not fit"),
        ([{"action": "map", "attribute": "Modality", "table": {"A": "B"}, "default": []}], "default must be"),
        ([{"action": "deidentify", "profile": ["basic"]}], "profile must be"),
        ([{"action": "deidentify", "options": ["clean_pixel_data"]}], "does not look for text in pixels"),
        ([{"action": "deidentify", "options": ["retain_all"]}], "no option retain_all"),
        ([{"action": "deidentify", "options": ["retain_full_dates", "retain_modified_dates"]}], "choose one"),
        ([{"action": "compress", "transfer_syntax": "JPEGBaseline8Bit"}], "they lose nothing"),
        ([{"action": "compress", "transfer_syntax": []}], "they lose nothing"),
        ([{"action": "label", "label": " "}], "must not be empty"),
        ([{"action": "discard", "reason": 5}], "must be a text"),
        ([{"action": "deidentify"}, {"action": "deidentify"}], "once"),
        ([{"action": "label", "label": "x"}] * 101, "at most 100"),
    ],
)
def test_what_cannot_be_is_refused_in_words(value: Any, words: str) -> None:
    with pytest.raises(BadAction) as caught:
        parse_actions(value)
    assert words in str(caught.value)
    with pytest.raises(ValidationError):
        validate_actions(value)


def test_the_model_checks_actions() -> None:
    rule = Rule(name="x", actions=[{"action": "set"}])
    with pytest.raises(ValidationError) as caught:
        rule.clean_fields()
    assert "lacks the field" in str(caught.value.message_dict["actions"])


def test_labels_and_discards_change_nothing_on_the_way() -> None:
    label, discard = {"action": "label", "label": "x"}, {"action": "discard", "reason": "y"}
    actions = parse_actions([label, {"action": "new_uids"}, discard])
    assert changes_of(actions) == (NewUids(""),)


def test_each_kind_describes_itself_for_the_editor() -> None:
    for name, kind in KINDS.items():
        assert kind.label, name
        assert kind.optional <= set(kind.fields), name
        assert set(kind.choices) <= set(kind.fields), name
