"""Who is who: what tells that matches of one thing are of different patients (PS3.3 C.7.1.1).

Pure, and the same whatever the order of the matches is: "may be the same" is no equivalence (who names no issuer may be
the patient of each of two issuers), so that to put one match after the other to where it fits would depend on it. What
fits to more than one is left by itself.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from spanner.answers import Row, text_of
from spanner.question import ISSUER, PATIENT_ID
from studies.query.keys import BY_KEYWORD, QueryLevel

PATIENT_NAME, BIRTH_DATE = BY_KEYWORD["PatientName"].tag, BY_KEYWORD["PatientBirthDate"].tag
_SILENT = ("", "")
T = TypeVar("T")


def apart(level: QueryLevel, members: Sequence[T], row_of: Callable[[T], Row]) -> list[list[T]]:
    """The members of one unique key as a group for each patient, in the order in which the groups begin.

    Args:
        level: at PATIENT the key is a patient ID, which two hospitals have for two people every day: matches are one
            person only if they name one issuer or the same name, and nothing contradicts it.
        members: with one unique key.
        row_of: the match of a member.
    """
    if len(members) == 1:
        return [list(members)]
    groups = [list(members)]
    if level is not QueryLevel.PATIENT:
        groups = _by_whom(level, groups[0], row_of)
    for tag in (ISSUER, BIRTH_DATE):
        groups = [part for group in groups for part in _by(group, tag, row_of)]
    if level is QueryLevel.PATIENT:
        groups = [part for group in groups for part in _by_person(group, row_of)]
    return groups


def _by_whom(level: QueryLevel, members: Iterable[T], row_of: Callable[[T], Row]) -> list[list[T]]:
    """By patient ID; without any ID the name is all there is to tell them by."""
    found: dict[tuple[str, str], list[T]] = {}
    for member in members:
        row = row_of(member)
        patient_id = _text(row, PATIENT_ID)
        found.setdefault((patient_id, "" if patient_id else _name(row)), []).append(member)
    if level is not QueryLevel.STUDY and len(found) == 2 and _SILENT in found:
        # Below the study most archives say nothing of the patient, and what is not said contradicts nothing.
        return [list(members)]
    return list(found.values())


def _by(members: list[T], tag: int, row_of: Callable[[T], Row]) -> list[list[T]]:
    """By an attribute that not all name; those that do not are of whom the others are, if these are of one."""
    found: dict[str, list[T]] = {}
    for member in members:
        found.setdefault(_text(row_of(member), tag), []).append(member)
    return [members] if len(found.keys() - {""}) <= 1 else list(found.values())


def _by_person(members: list[T], row_of: Callable[[T], Row]) -> list[list[T]]:
    """By name; but those that name the issuer are of one person, whatever they call it, for they name the same one."""
    known = {_name(row_of(member)) for member in members if _text(row_of(member), ISSUER)}
    found: dict[str | None, list[T]] = {}
    for member in members:
        row = row_of(member)
        is_known = bool(_text(row, ISSUER)) or _name(row) in known
        found.setdefault(None if is_known else _name(row), []).append(member)
    return list(found.values())


def _text(row: Row, tag: int) -> str:
    return text_of(row, tag).strip()


def _name(row: Row) -> str:
    """As it is compared: without case, and whatever stands between its parts."""
    return " ".join(text_of(row, PATIENT_NAME).replace("^", " ").split()).casefold()
