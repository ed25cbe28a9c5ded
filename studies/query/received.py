"""The identifier of a C-FIND request, off the wire: level, character set, and each key as text (PS3.4 C.4.1.1.3)."""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO

from pydicom.datadict import dictionary_VR
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.filereader import read_dataset
from pydicom.tag import BaseTag
from pydicom.uid import ExplicitVRLittleEndian
from pydicom.valuerep import VR

from dicomnet.find import PATIENT_STUDY_ONLY, STUDY_ROOT, FindRequest
from studies.character_sets import NAME_DELIMITERS, TEXT_DELIMITERS, CharacterSets, character_sets
from studies.errors import InvalidQuery
from studies.query.identifiers import QUERY_RETRIEVE_LEVEL, SPECIFIC_CHARACTER_SET, TRANSLATED
from studies.query.keys import QueryLevel

# All there are (PS3.5 6.2); a peer may write anything.
VRS = frozenset(vr.value for vr in VR if len(vr.value) == 2)
MAXIMUM_ELEMENTS = 2_000  # of an identifier
_DEFAULT_REPERTOIRE = CharacterSets()
_NO_KEYS = {SPECIFIC_CHARACTER_SET, QUERY_RETRIEVE_LEVEL}
Element = DataElement | RawDataElement


@dataclass(frozen=True)
class Identifier:
    """What an identifier says, before anything is made of it.

    Attributes:
        values: by tag, values of a list separated by backslashes; empty also for what is no text, such as a sequence.
        character_set: the value of its Specific Character Set; None when it has none.
    """

    level: QueryLevel
    values: Mapping[int, str]
    character_set: str | None


def read_identifier(request: FindRequest) -> Identifier:
    """What an identifier says.

    Raises:
        InvalidQuery: it is no identifier of this model.
    """
    elements = read_elements(request.identifier, request.transfer_syntax_uid)
    level = _level(elements.get(BaseTag(QUERY_RETRIEVE_LEVEL)), request.sop_class_uid)
    terms = _text(elements.get(BaseTag(SPECIFIC_CHARACTER_SET)), "CS", _DEFAULT_REPERTOIRE).split("\\")
    character_set = "\\".join(term.strip("\0 ") for term in terms)
    sets = character_sets(character_set.encode("ascii", "replace"))
    values = {
        int(tag): _text(found, vr_of(tag), sets)
        for tag, found in elements.items()
        if tag not in _NO_KEYS and tag.element != 0
    }
    return Identifier(level, values, character_set or None)


def root_of(model: str) -> QueryLevel:
    """The level that the information model of a SOP Class begins with."""
    return QueryLevel.STUDY if model == STUDY_ROOT else QueryLevel.PATIENT


@lru_cache(maxsize=4096)
def vr_of(tag: int) -> str:
    """The VR of a query key, the first of several; LO for what the dictionary does not know."""
    try:
        vr = dictionary_VR(tag)[:2]
    except KeyError:
        return "LO"
    return vr if vr in VRS else "LO"


def read_elements(identifier: bytes, transfer_syntax_uid: str) -> dict[BaseTag, Element]:
    """The elements of an identifier as they came: pydicom decodes a value when it is touched, which costs much.

    Raises:
        InvalidQuery: it is no data set, or one of too many elements.
    """
    try:
        ds = read_dataset(BytesIO(identifier), transfer_syntax_uid != ExplicitVRLittleEndian, True)
        found = dict(ds.items())
    except Exception as error:  # pydicom raises whatever the peer's bytes make it
        raise InvalidQuery("the identifier cannot be decoded") from error
    if len(found) > MAXIMUM_ELEMENTS:
        raise InvalidQuery(f"the identifier has more than {MAXIMUM_ELEMENTS} elements")
    return found


def _level(element: Element | None, model: str) -> QueryLevel:
    text = _text(element, "CS", _DEFAULT_REPERTOIRE).strip("\0 ")
    found = QueryLevel(text) if text in set(QueryLevel) else None
    if found is None:
        raise InvalidQuery("Query/Retrieve Level is missing or unknown", QUERY_RETRIEVE_LEVEL)
    is_above = model == STUDY_ROOT and found is QueryLevel.PATIENT
    if is_above or (model == PATIENT_STUDY_ONLY and found.rank > QueryLevel.STUDY.rank):
        raise InvalidQuery("this model has no such Query/Retrieve Level", QUERY_RETRIEVE_LEVEL)
    return found


def _text(found: Element | None, vr: str, sets: CharacterSets) -> str:
    """The value as text, before anything is made of it; values of a list are separated by backslashes."""
    value = found.value if found is not None else None
    if not isinstance(value, bytes):
        return ""  # without value, or a sequence, which none of the keys is
    if vr == "US":
        return "\\".join(map(str, struct.unpack(f"<{len(value) // 2}H", value[: len(value) // 2 * 2])))
    delimiters = NAME_DELIMITERS if vr == "PN" else TEXT_DELIMITERS
    return (sets if vr in TRANSLATED else _DEFAULT_REPERTOIRE).text(value, delimiters).text
