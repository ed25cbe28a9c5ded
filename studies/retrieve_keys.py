"""What a retrieve identifier names: its level and unique keys (PS3.4 C.4.2.1.4.1, C.4.2.2, C.6.1.2, C.6.2.2, Y.3.2).

Pure. Keys that are no unique keys are passed over; of unique keys nothing is a pattern, so a Patient ID with an
asterisk in it names the patient of whom it is the ID.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from pydicom.datadict import keyword_for_tag
from pydicom.dataset import Dataset

from dicomnet.retrieval import RetrieveRefused, RetrieveStatus, Root

LEVEL_TAG = 0x0008_0052  # Query/Retrieve Level
PATIENT_ID, STUDY_UID, SERIES_UID, SOP_UID = 0x0010_0020, 0x0020_000D, 0x0020_000E, 0x0008_0018
MAXIMUM_UIDS = 20_000
_KEYS = {"PATIENT": PATIENT_ID, "STUDY": STUDY_UID, "SERIES": SERIES_UID, "IMAGE": SOP_UID}
LEVELS = {
    Root.PATIENT: ("PATIENT", "STUDY", "SERIES", "IMAGE"),
    Root.STUDY: ("STUDY", "SERIES", "IMAGE"),
    Root.COMPOSITE: ("IMAGE",),
}
_UID = re.compile(r"[0-9.]{1,64}", re.ASCII)


@dataclass(frozen=True)
class RetrieveKeys:
    """What is named.

    Attributes:
        level: Query/Retrieve Level.
        named: values by tag of the unique key; that of the level is there, and those above it that were given.
    """

    level: str
    named: dict[int, tuple[str, ...]] = field(default_factory=dict)

    @property
    def uids(self) -> tuple[str, ...]:
        """What is named at the level; empty at PATIENT, where it is no UID."""
        return () if self.level == "PATIENT" else self.named[_KEYS[self.level]]


def parse_keys(ds: Dataset, root: Root, *, is_relational: bool = False) -> RetrieveKeys:
    """Read an identifier.

    Args:
        ds: it; whoever sent it may have meant ill.
        root: of the information model.
        is_relational: relational retrieval was negotiated: keys of the levels above may be left out.

    Raises:
        RetrieveRefused: a key is missing or makes no sense, with Error Comment and Offending Element.
    """
    level = _level(ds, root)
    levels = LEVELS[root]
    named: dict[int, tuple[str, ...]] = {}
    for above in levels[: levels.index(level)]:
        tag = _KEYS[above]
        values = _values(ds, tag)
        if len(values) > 1:
            raise _refused(tag, f"{_name(tag)} of a level above must have one value")
        if values:
            named[tag] = values
        elif not is_relational:
            raise _refused(tag, f"{_name(tag)} is missing: retrieval is hierarchical here")
    tag = _KEYS[level]
    values = _values(ds, tag)
    if not values:
        raise _refused(tag, f"{_name(tag)} is missing")
    if level == "PATIENT" and len(values) > 1:
        raise _refused(tag, f"{_name(tag)} must have one value")
    named[tag] = values
    return RetrieveKeys(level, named)


def _level(ds: Dataset, root: Root) -> str:
    values = _values(ds, LEVEL_TAG)
    if not values:
        raise _refused(LEVEL_TAG, "Query/Retrieve Level is missing")
    level = values[0]
    if root is Root.COMPOSITE and level == "FRAME":
        raise RetrieveRefused(
            RetrieveStatus.CANNOT_EXTRACT_FRAMES, "frames are not extracted here, ask for the instance", LEVEL_TAG
        )
    if len(values) > 1 or level not in LEVELS[root]:
        raise _refused(LEVEL_TAG, f"Query/Retrieve Level is none of {root.value}")
    return level


def _values(ds: Dataset, tag: int) -> tuple[str, ...]:
    """Values of a key, each once and without padding; empty when it is missing or has none."""
    try:
        element = ds.get(tag)
        value = None if element is None or element.is_empty else element.value
    except Exception as error:  # pydicom's decoders raise whatever the peer's bytes make them
        raise _refused(tag, f"{_name(tag)} cannot be decoded") from error
    if value is None:
        return ()
    if isinstance(value, bytes):  # an unknown VR
        value = value.decode("ascii", "replace")
    parts = value.split("\\") if isinstance(value, str) else value
    if not isinstance(parts, Sequence) or not all(isinstance(part, str) for part in parts):
        raise _refused(tag, f"{_name(tag)} is no text")
    found = tuple(dict.fromkeys(text for part in parts if (text := part.strip(" \0"))))
    if len(found) > MAXIMUM_UIDS:
        text = f"{_name(tag)} has more than {MAXIMUM_UIDS} values"
        raise RetrieveRefused(RetrieveStatus.CANNOT_COUNT, text, tag)
    if tag in {STUDY_UID, SERIES_UID, SOP_UID} and not all(_UID.fullmatch(text) for text in found):
        raise _refused(tag, f"{_name(tag)} is no UID")
    return found


def _refused(tag: int, comment: str) -> RetrieveRefused:
    return RetrieveRefused(RetrieveStatus.IDENTIFIER_MISMATCH, comment, tag)


def _name(tag: int) -> str:
    return keyword_for_tag(tag)
