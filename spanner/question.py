"""A question to many archives as plain data: the same for DIMSE, DICOMweb and the archive here (PS3.4 C.4.1.1.3)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256

from django.utils.translation import gettext as _

from studies.errors import InvalidQuery
from studies.matching import Matcher, Single, Universal, parse
from studies.query.dicom_json import DEFAULT_KEYWORDS
from studies.query.keys import BY_KEYWORD, BY_TAG, PATIENT_KEYWORDS, UNIQUE_KEYS, Key, Kind, QueryLevel
from studies.query.received import vr_of

PATIENT_ID, ISSUER = 0x00100020, 0x00100021
STUDY_UID, SERIES_UID, SOP_UID = 0x0020000D, 0x0020000E, 0x00080018
STUDY_DATE = 0x00080020
UNIQUE_TAGS: Mapping[QueryLevel, int] = {level: key.tag for level, key in UNIQUE_KEYS.items()}
# What says whose study it is; asked for at the levels where a source has it, so that patients are never mixed.
_PATIENT = tuple(BY_KEYWORD[keyword].tag for keyword in sorted(PATIENT_KEYWORDS))
_PATIENT_COUNTS = tuple(key.tag for key in BY_TAG.values() if key.kind is Kind.SUM)


@dataclass(frozen=True)
class Question:
    """What is looked for, and what is wanted of each match.

    Attributes:
        level: of the matches.
        wanted: (tag, value as in an identifier: lists with backslashes) by tag; none is universal.
        asked: tags to return besides those of ``wanted``.
    """

    level: QueryLevel
    wanted: tuple[tuple[int, str], ...] = ()
    asked: tuple[int, ...] = ()

    def value(self, tag: int) -> str:
        """What is wanted of an attribute; empty: anything."""
        return dict(self.wanted).get(tag, "")

    def with_value(self, tag: int, value: str) -> "Question":
        """The same, but with another value of one attribute; an empty one asks for anything."""
        wanted = {**dict(self.wanted), tag: value}
        return replace(self, wanted=tuple(sorted((key, text) for key, text in wanted.items() if text)))

    @property
    def tags(self) -> tuple[int, ...]:
        """All that is to be returned, in the order of identifiers."""
        return tuple(sorted({*self.asked, *(tag for tag, _ in self.wanted)}))

    @property
    def digest(self) -> str:
        """Says whether two questions are the same; holds nothing that could be read."""
        return sha256(repr((self.level.value, self.wanted, self.tags)).encode()).hexdigest()

    def matchers(self) -> dict[int, Matcher]:
        """What is wanted, by tag.

        Raises:
            InvalidQuery: a value means nothing for its attribute.
        """
        return {tag: matcher_of(tag, value) for tag, value in self.wanted}


def question(level: QueryLevel, wanted: Mapping[int, str], asked: Iterable[int] = ()) -> Question:
    """Put a question together, and see that it is one that can be sent on.

    Args:
        level: of the matches.
        wanted: value by tag; universal ones are only asked to be returned.
        asked: tags to return besides; those that every client wants, and the unique keys, are added.

    Raises:
        InvalidQuery: a value means nothing for its attribute, or the study or series is not named.
    """
    values = {tag: value for tag, value in wanted.items() if not isinstance(matcher_of(tag, value), Universal)}
    if level in {QueryLevel.SERIES, QueryLevel.IMAGE} and not isinstance(
        matcher_of(STUDY_UID, values.get(STUDY_UID, "")), Single
    ):
        # Archives answer no other query at these levels (PS3.4 C.4.1.2.2.1), and to look through all their studies
        # would take them hours.
        raise InvalidQuery(
            _("name one StudyInstanceUID: archives list series and instances of one study only"), STUDY_UID
        )
    returned = {*asked, *wanted, *_always(level)}
    return Question(level, tuple(sorted(values.items())), tuple(sorted(tag for tag in returned if tag not in values)))


def matcher_of(tag: int, value: str) -> Matcher:
    """What the value of a key asks.

    Raises:
        InvalidQuery: it means nothing for the attribute.
    """
    key = BY_TAG.get(tag)
    vr = key.vr if key else vr_of(tag)
    name = key.keyword if key else f"({tag >> 16:04X},{tag & 0xFFFF:04X})"
    try:
        return parse(vr, value, is_list=key is not None and key.is_list)
    except InvalidQuery as error:
        raise InvalidQuery(f"{name}: {error}", tag) from error


def _always(level: QueryLevel) -> set[int]:
    tags = {UNIQUE_TAGS[one] for one in QueryLevel if one.rank <= level.rank}
    if level is QueryLevel.PATIENT:
        return tags | set(_PATIENT) | set(_PATIENT_COUNTS)
    found = tags | {key.tag for key in map(_key, DEFAULT_KEYWORDS[level])}
    return found | set(_PATIENT) if level is QueryLevel.STUDY else found - {PATIENT_ID}


def _key(keyword: str) -> Key:
    return BY_KEYWORD[keyword]
