"""Matches of many sources as one list: the same thing once, two patients never as one (PS3.4 C.2.2, PS3.3 C.7.1.1).

Pure. Two matches are the same study, series or instance when their unique key is the same and nothing says that they
are of different patients. Where something does, both stand in the list and are marked.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

from spanner.answers import Answer, Row, tag_name, text_of, values_of
from spanner.patients import apart
from spanner.question import UNIQUE_TAGS
from studies.query.keys import BY_KEYWORD, QueryLevel

AVAILABILITY, RETRIEVE_AE_TITLE = BY_KEYWORD["InstanceAvailability"].tag, BY_KEYWORD["RetrieveAETitle"].tag
RETRIEVE_URL = 0x00081190
# Who has more of it knows more of it.
_COUNTS = frozenset(
    BY_KEYWORD[keyword].tag
    for keyword in (
        "NumberOfPatientRelatedStudies", "NumberOfPatientRelatedSeries", "NumberOfPatientRelatedInstances",
        "NumberOfStudyRelatedSeries", "NumberOfStudyRelatedInstances", "NumberOfSeriesRelatedInstances",
    )
)  # fmt: skip
_LISTS = frozenset(BY_KEYWORD[keyword].tag for keyword in ("ModalitiesInStudy", "SOPClassesInStudy"))
_NUMBERS = frozenset({"DS", "IS", "US", "UL", "SS", "SL", "FL", "FD", "UV", "SV"})
_QUICKEST_FIRST = ("ONLINE", "NEARLINE", "OFFLINE", "UNAVAILABLE")
_OF_THE_SOURCE = frozenset({RETRIEVE_AE_TITLE, RETRIEVE_URL, AVAILABILITY, 0x00080005, *_COUNTS, *_LISTS})


@dataclass
class Merged:
    """One thing, and what each source says of it.

    Attributes:
        row: of each attribute the value of the first source that has one.
        sources: who has it, the first in line first.
        origins: whose value an attribute has, by tag name; of counts and lists nobody's.
        differing: tag names of attributes that sources have different values of.
        is_conflicting: there is another thing with the same unique key, of another patient.
    """

    row: dict[str, Mapping[str, Any]]
    sources: list[str]
    origins: dict[str, str] = field(default_factory=dict)
    differing: set[str] = field(default_factory=set)
    is_conflicting: bool = False


def merge(level: QueryLevel, answers: Sequence[Answer], *, is_deduplicating: bool = True) -> list[Merged]:
    """All matches, each thing once.

    Args:
        level: of the matches.
        answers: the source that is first in line first.
        is_deduplicating: off: each match of each source stands for itself.
    """
    by_key: dict[str, list[_Member]] = {}
    position = 0
    for answer in answers:
        for row in answer.rows:
            key = text_of(row, UNIQUE_TAGS[level])
            by_key.setdefault(key, []).append(_Member(position, answer.source, row))
            position += 1
    found: list[tuple[int, Merged]] = []
    for members in by_key.values():
        patients = apart(level, members, _row_of)
        # A patient ID alone names nobody: two hospitals have it for two people every day, and that is no conflict.
        is_conflicting = level is not QueryLevel.PATIENT and len(patients) > 1
        groups = patients if is_deduplicating else [[one] for group in patients for one in group]
        found += [(group[0].position, _merged(group, is_conflicting=is_conflicting)) for group in groups]
    return [merged for _, merged in sorted(found, key=itemgetter(0))]


@dataclass(frozen=True)
class _Member:
    """A match, its source, and where it stands among all."""

    position: int
    source: str
    row: Row


def _row_of(member: _Member) -> Row:
    return member.row


def _merged(group: Sequence[_Member], *, is_conflicting: bool) -> Merged:
    sources = list(dict.fromkeys(member.source for member in group))
    merged = Merged(row={}, sources=sources, is_conflicting=is_conflicting)
    if len(group) == 1:
        source, row = group[0].source, group[0].row
        merged.row.update(row)
        merged.origins.update((name, source) for name, element in row.items() if _says_something(element))
        return merged
    for name in sorted({name for member in group for name in member.row}):
        _merge_attribute(merged, name, [(one.source, one.row[name]) for one in group if name in one.row])
    return merged


def _says_something(element: Mapping[str, Any]) -> bool:
    return any(value not in (None, "") for value in element.get("Value") or ())


def _merge_attribute(merged: Merged, name: str, held: list[tuple[str, Mapping[str, Any]]]) -> None:
    tag = int(name, 16)
    full = [(source, element) for source, element in held if _says_something(element)]
    if not full:
        merged.row[name] = held[0][1]
        return
    source, chosen = full[0]
    values = [element["Value"] for _, element in full]
    if tag in _COUNTS:
        merged.row[name] = {"vr": chosen["vr"], "Value": [max((value[0] for value in values), key=_as_number)]}
    elif tag in _LISTS or tag == RETRIEVE_AE_TITLE:
        every = dict.fromkeys(one for value in values for one in value if isinstance(one, str) and one)
        merged.row[name] = {"vr": chosen["vr"], "Value": list(every)}
    elif tag == AVAILABILITY:
        merged.row[name] = {"vr": chosen["vr"], "Value": [min((value[0] for value in values), key=_slowness)]}
    else:
        merged.row[name] = chosen
        merged.origins[name] = source
    if tag not in _OF_THE_SOURCE and any(value != values[0] for value in values[1:]):
        merged.differing.add(name)


def _as_number(value: Any) -> float:
    """A number, which sources may write as text (PS3.18 F.2.3.1); -1 for what is none, or counts nothing there is."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return -1.0
    return number if abs(number) < 1 << 63 else -1.0


def _slowness(value: Any) -> int:
    return _QUICKEST_FIRST.index(value) if value in _QUICKEST_FIRST else len(_QUICKEST_FIRST)


def newest_first(level: QueryLevel, found: Iterable[Merged]) -> list[Merged]:
    """In the order of pages: studies of the latest date first, series and instances by their number."""
    if level in {QueryLevel.PATIENT, QueryLevel.STUDY}:
        date, time = BY_KEYWORD["StudyDate"].tag, BY_KEYWORD["StudyTime"].tag
        return sorted(found, key=lambda one: (text_of(one.row, date), text_of(one.row, time)), reverse=True)
    number = BY_KEYWORD["SeriesNumber" if level is QueryLevel.SERIES else "InstanceNumber"].tag
    return sorted(found, key=lambda one: _as_number(next(iter(values_of(one.row, number)), None)))


def in_order(found: Sequence[Merged], order: Sequence[tuple[int, bool]]) -> Sequence[Merged]:
    """By the values of attributes, the first of them first; what has no value stands last.

    Args:
        found: in any order, which those of equal values keep.
        order: tags with whether they descend.
    """
    ordered = list(found)
    for tag, descends in reversed(order):
        ordered.sort(key=lambda one: _rank(one.row, tag), reverse=descends)
        ordered.sort(key=lambda one: not text_of(one.row, tag))
    return ordered


def _rank(row: Row, tag: int) -> tuple[float, str]:
    if row.get(tag_name(tag), {}).get("vr") in _NUMBERS:
        return _as_number(next(iter(values_of(row, tag)), None)), ""
    return 0, text_of(row, tag).casefold()


def uid_of(level: QueryLevel, merged: Merged) -> str:
    """The unique key of a match."""
    return text_of(merged.row, UNIQUE_TAGS[level])
