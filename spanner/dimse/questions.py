"""An identifier of C-FIND as a question to a federation (PS3.4 C.4.1.1.3)."""

from dataclasses import dataclass

from dicomnet.find import FindRequest
from spanner.question import UNIQUE_TAGS, Question, matcher_of, question
from studies.matching import Universal
from studies.query.identifiers import TRANSLATED
from studies.query.keys import BY_TAG, UNIQUE_KEYS, QueryLevel
from studies.query.question import check_hierarchy
from studies.query.received import read_identifier, root_of, vr_of

# What is asked on: sequences and numbers in binary are neither matched nor returned.
_ASKED_ON = TRANSLATED | {"AE", "AS", "CS", "DA", "DS", "DT", "IS", "TM", "UI", "UR", "US"}
_TIMEZONE = 0x00080201


@dataclass(frozen=True)
class Asked:
    """An identifier as it was read.

    Attributes:
        question: as the federation is asked it.
        tags: that each match has, in their order.
        character_set: the value of its Specific Character Set; None when it has none.
        ignores_keys: it has keys of which Gantry cannot say that they are matched and returned.
    """

    question: Question
    tags: tuple[int, ...]
    character_set: str | None
    ignores_keys: bool


def read_question(request: FindRequest) -> Asked:
    """What an identifier asks of a federation.

    Raises:
        InvalidQuery: it is no identifier of this model, or asks what cannot be.
    """
    identifier = read_identifier(request)
    level = identifier.level
    wanted: dict[int, str] = {}
    ignores_keys = False
    for tag, text in identifier.values.items():
        if tag >> 16 & 1 or tag == _TIMEZONE or vr_of(tag) not in _ASKED_ON:
            ignores_keys = True
            continue
        value = "\\".join(part.strip("\0 ") for part in text.split("\\"))
        key = BY_TAG.get(tag)
        # What Gantry does not know itself is asked on; who of the sources knows it they do not say.
        ignores_keys |= key is None
        if key is not None and not key.is_matched:
            ignores_keys |= not isinstance(matcher_of(tag, value), Universal)
            value = ""
        wanted[tag] = value
    matchers = {key: matcher_of(key.tag, wanted.get(key.tag, "")) for key in UNIQUE_KEYS.values()}
    check_hierarchy(level, root_of(request.sop_class_uid), matchers)
    unique = {
        UNIQUE_TAGS[one] for one in QueryLevel if min(level.rank, QueryLevel.STUDY.rank) <= one.rank <= level.rank
    }
    return Asked(
        question=question(level, wanted),
        tags=tuple(sorted({*wanted, *unique})),
        character_set=identifier.character_set,
        ignores_keys=ignores_keys,
    )
