"""Nothing that was planted is found again, in generated instances of any shape."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pydicom._dicom_dict import DicomDictionary

from gateway.env import Environment
from routing.actions import changes_of, parse_actions
from routing.deidentify import unlisted
from routing.deidentify.table import table
from routing.morph import CannotChange, morph
from tests.corpus import ITEM, ITEM_END, SEQUENCE_END, UNDEFINED, data_set, delimiter, element, part10

# Text that is in no table's row and not where people write is kept, as the profile says; it is planted with the
# patient's own identifiers instead, which must be found everywhere.
CANARY, NAME, IDENTIFIER = "CANARY4711X", "Zebrowski", "PID90817263"
TEXTS = ["AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "LT", "PN", "SH", "ST", "TM", "UC", "UI", "UR", "UT", "UN"]
_BY_PEOPLE = unlisted._WRITTEN_BY_PEOPLE
LISTED = sorted(tag for tag in table() if 0x00080000 < tag < 0x50000000 and tag != 0x00420011)
UNLISTED = sorted(
    tag
    for tag, (vr, *_) in DicomDictionary.items()
    if tag >> 16 >= 8 and tag not in table() and vr in _BY_PEOPLE and tag not in unlisted._KEPT
)
OF_TECHNIQUE = sorted(
    (tag, vr)
    for tag, (vr, *_) in DicomDictionary.items()
    if tag >> 16 in {0x0018, 0x0028, 0x0054} and vr in {"LO", "SH", "CS"}
)
KEPT_SEQUENCES = [0x00400440, 0x00082112, 0x00400260, 0x00081140, 0x52009229]


def leaf() -> st.SearchStrategy[bytes]:
    planted = st.builds(
        lambda tag, vr: element(tag, vr, CANARY.encode()), st.sampled_from(LISTED + UNLISTED), st.sampled_from(TEXTS)
    )
    private = st.builds(
        lambda group, number, vr: (
            element(group << 16 | 0x10, "LO", CANARY.encode()) + element(group << 16 | number, vr, CANARY.encode())
        ),
        st.sampled_from([0x0009, 0x0019, 0x0029, 0x2001, 0x7053]),
        st.integers(0x1000, 0x10FF),
        st.sampled_from(TEXTS),
    )
    unknown = st.builds(lambda tag: element(tag, "LO", CANARY.encode()), st.sampled_from([0x00180009, 0x22220001]))
    own = st.builds(
        lambda place, text: element(place[0], place[1], text.encode()),
        st.sampled_from(OF_TECHNIQUE),
        st.sampled_from([NAME.upper(), f"for {NAME}", IDENTIFIER]),
    )
    wrong = st.builds(lambda vr: element(0x00280030, vr, CANARY.encode()), st.sampled_from(TEXTS))
    return st.one_of(planted, private, unknown, own, wrong)


def in_sequence(children: st.SearchStrategy[list[bytes]]) -> st.SearchStrategy[list[bytes]]:
    def with_length(tag: int, parts: list[bytes]) -> list[bytes]:
        body = b"".join(parts)
        return [element(tag, "SQ", delimiter(ITEM, len(body)) + body)]

    def without(tag: int, parts: list[bytes]) -> list[bytes]:
        body = delimiter(ITEM, UNDEFINED) + b"".join(parts) + delimiter(ITEM_END) + delimiter(SEQUENCE_END)
        return [element(tag, "SQ", b"", length=UNDEFINED) + body]

    tags = st.sampled_from([*KEPT_SEQUENCES, 0x00081111, 0x00091010, 0x0040A730])
    return st.one_of(st.builds(with_length, tags, children), st.builds(without, tags, children))


headers = st.recursive(st.lists(leaf(), min_size=1, max_size=6), in_sequence, max_leaves=12)


@settings(max_examples=600, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    parts=st.lists(headers, min_size=1, max_size=4),
    option=st.sampled_from(["", "clean_graphics", "clean_descriptors", "clean_structured_content"]),
)
@example(parts=[[element(0x00321067, "UN", CANARY.encode())]], option="clean_descriptors")
def test_nothing_planted_is_found_again(
    tmp_path_factory: pytest.TempPathFactory, parts: list[list[bytes]], option: str
) -> None:
    folder = tmp_path_factory.mktemp("leak", numbered=True)
    late = b"".join(piece for part in parts for piece in part)
    names = element(0x00100010, "PN", f"{NAME}^Zofia".encode()) + element(0x00100020, "LO", IDENTIFIER.encode())
    source, target = folder / "in.dcm", folder / "out.dcm"
    data = data_set(sop_instance_uid=b"1.2.3.9", early=names, late=late)
    source.write_bytes(part10(data, sop_instance_uid="1.2.3.9"))
    todo = [{"action": "deidentify", "options": [option] if option else []}]
    try:
        morph(source, target, changes_of(parse_actions(todo)))
    except CannotChange as error:
        # What it cannot read, such as text where the dictionary has a sequence, is not sent at all.
        left = str(error).upper().encode()
        assert not target.exists()
    else:
        left = target.read_bytes().upper()
    for planted in (CANARY, NAME, "ZOFIA", IDENTIFIER, "MODALITY\0", "1.2.3.9"):
        assert planted.upper().encode() not in left, planted
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()


def test_what_an_action_replaced_before_is_not_left_elsewhere(tmp_path: Path, home: Environment) -> None:
    names = element(0x00100010, "PN", f"{NAME}^Zofia".encode()) + element(0x00181030, "LO", b"x")
    data = data_set(sop_instance_uid=b"1.2.3.9", early=names + element(0x00181020, "LO", f"by {NAME}".encode()))
    (tmp_path / "in").write_bytes(part10(data, sop_instance_uid="1.2.3.9"))
    todo = [{"action": "set", "attribute": "PatientName", "value": "NEW"}, {"action": "deidentify"}]
    morph(tmp_path / "in", tmp_path / "out", changes_of(parse_actions(todo)))
    assert NAME.encode() not in (tmp_path / "out").read_bytes()
