"""Values that say nothing, one for each VR (PS3.15 Table E.1-1a, code D)."""

from routing.deidentify.items import Item
from routing.encoding import NUMBERS

REMOVED = "REMOVED"
_TEXTS = {
    "AS": "000Y",
    "DA": "19000101",
    "DS": "0",
    "DT": "19000101000000",
    "IS": "0",
    "TM": "000000",
    "UR": "urn:removed",
}
_CONTENT_SEQUENCE = 0x0040A730
_CODE_VALUE, _CODING_SCHEME, _CODE_MEANING = 0x00080100, 0x00080102, 0x00080104
_RELATIONSHIP_TYPE, _VALUE_TYPE, _TEXT_VALUE = 0x0040A010, 0x0040A040, 0x0040A160


def dummy(vr: str) -> bytes:
    """A value of this VR, in the default repertoire."""
    if vr in NUMBERS or vr in {"AT", "OB", "OD", "OF", "OL", "OV", "OW", "UN"}:
        return bytes(8)
    return _TEXTS.get(vr, REMOVED).encode()


def dummy_items(tag: int) -> list[Item]:
    """The one item of a sequence that must not be empty."""
    if tag == _CONTENT_SEQUENCE:
        return [
            [(_RELATIONSHIP_TYPE, "CS", b"CONTAINS"), (_VALUE_TYPE, "CS", b"TEXT"), (_TEXT_VALUE, "UT", b"Removed")]
        ]
    return [[(_CODE_VALUE, "SH", b"0"), (_CODING_SCHEME, "SH", b"99REMOVED"), (_CODE_MEANING, "LO", b"Removed")]]
