"""Matches of many sources as one list: the same thing once, two patients never as one (PS3.4 C.2.2, PS3.3 C.7.1.1).

Pure. Two matches are the same study, series or instance when their unique key is the same and nothing says that they
are of different patients. Where something does, both stand in the list and are marked.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from spanner.answers import Answer, Row, tag_name, text_of, values_of
from spanner.question import ISSUER, PATIENT_ID, UNIQUE_TAGS
from studies.query.keys import BY_KEYWORD, QueryLevel

PATIENT_NAME, BIRTH_DATE = BY_KEYWORD["PatientName"].tag, BY_KEYWORD["PatientBirthDate"].tag
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
    by_key: dict[str, list[_Group]] = {}
    found: list[_Group] = []
    for answer in answers:
        for row in answer.rows:
            groups = by_key.setdefault(text_of(row, UNIQUE_TAGS[level]), [])
            group = next((one for one in groups if one.takes(level, answer.source, row)), None)
            if group is None or not is_deduplicating:
                group = _Group()
                groups.append(group)
                found.append(group)
            group.members.append((answer.source, row))
    for groups in by_key.values():
        # A patient ID alone names nobody: two hospitals have it for two people every day, and that is no conflict.
        is_conflicting = level is not QueryLevel.PATIENT and not _are_all_same(level, groups)
        for group in groups:
            group.is_conflicting = is_conflicting
    return [_merged(group) for group in found]


def is_same_patient(one: Row, other: Row) -> bool:
    """Whether nothing says that two matches with one unique key are of different patients.

    At the levels below the study most archives say nothing of the patient; two such matches are of the same.
    """
    ids, issuers = _pair(one, other, PATIENT_ID), _pair(one, other, ISSUER)
    births = _pair(one, other, BIRTH_DATE)
    if ids[0] != ids[1]:
        return False
    if all(issuers) and issuers[0] != issuers[1]:
        return False
    if all(births) and births[0] != births[1]:
        return False
    # Without any ID the name is all there is to tell them by.
    return bool(ids[0]) or _name(one) == _name(other)


def _is_same_person(one: Row, other: Row) -> bool:
    """Whether two sources mean one person by one ID: they name one issuer, or the same name."""
    issuers = _pair(one, other, ISSUER)
    return is_same_patient(one, other) and ((all(issuers) and issuers[0] == issuers[1]) or _name(one) == _name(other))


class _Group:
    """Matches that are one thing."""

    def __init__(self) -> None:
        self.members: list[tuple[str, Row]] = []
        self.is_conflicting = False

    def takes(self, level: QueryLevel, source: str, row: Row) -> bool:
        """Whether a match is the same as each that is in it; a source that has one thing twice means two."""
        is_same = _is_same_person if level is QueryLevel.PATIENT else is_same_patient
        return all(is_same(other, row) for name, other in self.members)


def _are_all_same(level: QueryLevel, groups: Iterable[_Group]) -> bool:
    rows = [row for group in groups for _, row in group.members]
    return all(is_same_patient(rows[0], row) for row in rows[1:]) and all(
        is_same_patient(one, other) for at, one in enumerate(rows) for other in rows[at + 1 :]
    )


def _pair(one: Row, other: Row, tag: int) -> tuple[str, str]:
    return text_of(one, tag).strip(), text_of(other, tag).strip()


def _name(row: Row) -> str:
    return " ".join(text_of(row, PATIENT_NAME).replace("^", " ").split()).casefold()


def _merged(group: _Group) -> Merged:
    sources = list(dict.fromkeys(source for source, _ in group.members))
    merged = Merged(row={}, sources=sources, is_conflicting=group.is_conflicting)
    if len(group.members) == 1:
        source, row = group.members[0]
        merged.row.update(row)
        merged.origins.update((name, source) for name, element in row.items() if element.get("Value"))
        return merged
    for name in sorted({name for _, row in group.members for name in row}):
        _merge_attribute(merged, name, [(source, row[name]) for source, row in group.members if name in row])
    return merged


def _merge_attribute(merged: Merged, name: str, held: list[tuple[str, Mapping[str, Any]]]) -> None:
    tag = int(name, 16)
    full = [(source, element) for source, element in held if element.get("Value")]
    if not full:
        merged.row[name] = held[0][1]
        return
    source, chosen = full[0]
    values = [element["Value"] for _, element in full]
    if tag in _COUNTS:
        merged.row[name] = {"vr": chosen["vr"], "Value": [max((value[0] for value in values), key=_as_number)]}
    elif tag in _LISTS or tag == RETRIEVE_AE_TITLE:
        every = dict.fromkeys(one for value in values for one in value if one is not None)
        merged.row[name] = {"vr": chosen["vr"], "Value": list(every)}
    elif tag == AVAILABILITY:
        merged.row[name] = {"vr": chosen["vr"], "Value": [min((value[0] for value in values), key=_slowness)]}
    else:
        merged.row[name] = chosen
        merged.origins[name] = source
    if tag not in _OF_THE_SOURCE and any(value != values[0] for value in values[1:]):
        merged.differing.add(name)


def _as_number(value: Any) -> float:
    """A number, which sources may write as text (PS3.18 F.2.3.1); -1 for what is none."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return -1.0
    return number if math.isfinite(number) else -1.0


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


__all__ = ["Merged", "in_order", "is_same_patient", "merge", "newest_first", "tag_name", "uid_of"]
