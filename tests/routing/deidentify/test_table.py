"""Every row of PS3.15 Table E.1-1, in each VR that an instance may give it, at the top and inside sequences."""

import struct

import pytest

from routing.deidentify.table import Do, row_of, table
from routing.encoding import LONG_FORM, NUMBERS, SHORT_FORM, BadDataSet
from routing.tags import vr_of
from tests.corpus import ITEM, data_set, delimiter, element
from tests.routing.deidentify.conftest import deidentified_bytes, every_element, parsed

CANARY = b"CANARY0815"
ALL_VRS = sorted((LONG_FORM | SHORT_FORM) - {"SQ"})
CHANGED = sorted(tag for tag, row in table().items() if tag >> 16 >= 8 and tag != 0x00420011)
ROOT = b"1.2.840.99999."


def planted(tag: int, vr: str) -> bytes:
    """An element with the canary, in a VR that may not be its own."""
    value = ROOT + CANARY[-4:] if vr == "UI" else CANARY
    if vr in NUMBERS or vr in {"AT", "OD", "OF", "OL", "OV"}:
        value = struct.pack("<8s", CANARY[:8])
    return element(tag, vr, value)


def traces(data: bytes) -> bool:
    return CANARY[:8] in data or ROOT in data


def around(inner: bytes) -> bytes:
    """In a sequence that stays, in a sequence that stays."""
    item = delimiter(ITEM, len(inner)) + inner
    within = element(0x00082112, "SQ", item)
    return element(0x00400440, "SQ", delimiter(ITEM, len(within)) + within)


def test_the_table_is_whole() -> None:
    assert len(table()) == 654
    assert {row.basic for row in table().values()} == {Do.REMOVE, Do.EMPTY, Do.DUMMY, Do.NEW_UID, Do.INSIDE}
    assert row_of(0x00100010) == table()[0x00100010]
    assert row_of(0x60023000) == table()[0x60003000]
    assert row_of(0x50120010) == table()[0x50000000]
    assert row_of(0x00280010) is None


@pytest.mark.parametrize("vr", ALL_VRS)
def test_every_row_in_every_vr_at_the_top_and_inside(vr: str) -> None:
    """All rows in one instance at a time would hide each other's failures: each is looked at by its tag."""
    leaks = []
    for tag in CHANGED:
        if tag in {0x0020000D, 0x0020000E, 0x00080018}:
            continue
        inner = planted(tag, vr)
        for late in (inner, around(inner)):
            data = data_set(sop_instance_uid=b"1.2.3.9", late=late)
            try:
                left = deidentified_bytes(data)
            except BadDataSet:  # a sequence that is none: nothing is sent
                assert (vr, vr_of(tag)) == ("UN", "SQ")
                continue
            if traces(left):
                leaks.append(f"{tag:08X}")
    assert leaks == []


@pytest.mark.parametrize("tag", CHANGED, ids=lambda tag: f"{tag:08X}")
def test_every_row_has_its_action_in_its_own_vr(tag: int) -> None:
    row, vr = table()[tag], vr_of(tag)
    if vr == "SQ":
        inner = element(0x00080104, "LO", b"Meaning") + element(0x00081155, "UI", ROOT + b"1")
        encoded = element(tag, "SQ", delimiter(ITEM, len(inner)) + inner)
    else:
        encoded = planted(tag, "LO" if vr == "UN" else vr)
    late = encoded if tag > 0x0020000E else b""
    early = encoded if tag < 0x0020000D else b""
    is_own = tag in {0x0020000D, 0x0020000E, 0x00080018}
    data = data_set(sop_instance_uid=b"1.2.3.9", early=b"" if is_own else early, late=b"" if is_own else late)
    found = parsed(deidentified_bytes(data)).get(tag)
    if row.basic is Do.REMOVE:
        assert found is None
        return
    if tag == 0x00700008 or tag >> 16 in {0x5000, 0x6000}:
        return
    assert found is not None
    if row.basic is Do.EMPTY and tag != 0x00100010:
        assert bytes(found.value) == b""
    if row.basic is Do.DUMMY:
        assert len(found.value) > 0
        assert not traces(bytes(found.value))
    if row.basic is Do.NEW_UID:
        assert bytes(found.value).startswith(b"2.25.")
    if row.basic is Do.INSIDE:
        assert [bytes(element.value)[:5] for element in found.items[0].elements if element.tag == 0x00081155] == [
            b"2.25."
        ]


@pytest.mark.parametrize(
    ("option", "basic", "kept"),
    [
        ("retain_uids", "1.2.840.99999.7", (0x00200052, "UI")),
        ("retain_device_identity", "SERIAL", (0x00181000, "LO")),
        ("retain_institution_identity", "HOSPITAL", (0x00080080, "LO")),
        ("retain_patient_characteristics", "042Y", (0x00101010, "AS")),
        ("retain_full_dates", "20260102", (0x00080021, "DA")),
    ],
)
def test_an_option_keeps_what_it_says(option: str, basic: str, kept: tuple[int, str]) -> None:
    tag, vr = kept
    planted = element(tag, vr, basic.encode())
    early, late = (planted, b"") if tag < 0x0020000D else (b"", planted)
    data = data_set(sop_instance_uid=b"1.2.3.9", early=early, late=late)
    assert basic.encode() not in dict(every_element(parsed(deidentified_bytes(data)))).get(tag, b"")
    assert dict(every_element(parsed(deidentified_bytes(data, option))))[tag].strip(b"\0 ") == basic.encode()
