"""Rows as objects of the DICOM JSON Model, written by hand (PS3.18 F.2)."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from json.encoder import encode_basestring as quoted
from typing import Any

from studies.query.character_sets import UTF_8
from studies.query.keys import BY_KEYWORD, Key, Kind, QueryLevel
from studies.query.search import Row, Search
from studies.query.values import availability, list_value

RETRIEVE_URL = 0x00081190
_UNIQUE = tuple(BY_KEYWORD[keyword] for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"))
_STEPS = ("studies/", "/series/", "/instances/")
_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")  # PS3.18 F.2.2
# How a value goes on after the VR of its attribute.
Writer = Callable[[Any], str]
_NO_VALUE = "}"


class JsonRows:
    """Encodes the rows of one search."""

    def __init__(self, search: Search, *, root: str, retrieve_ae_title: str) -> None:
        """Prepare it.

        Args:
            search: whose rows are encoded.
            root: the address that ``studies/...`` is appended to.
            retrieve_ae_title: where the instances can be fetched from.
        """
        character_set = f'"00080005":{{"vr":"CS","Value":[{quoted(UTF_8)}]}}'
        parts: list[tuple[int, str, int | None, Writer]] = [(0x00080005, character_set, None, _no_value)]
        for key in search.asked.asked:
            begin = f'"{key.tag:08X}":{{"vr":"{key.vr}"'
            if key.kind is Kind.RETRIEVE_AE_TITLE:
                parts.append((key.tag, f"{begin}{_text(retrieve_ae_title)}", None, _no_value))
            else:
                parts.append((key.tag, begin, search.places[key], _writer(key)))
        unique = [search.places[key] for key in _UNIQUE if key.level.rank <= search.asked.level.rank]
        address = _address(root, unique)
        self._parts: list[tuple[str, int | None, Writer]] = [
            part[1:] for part in sorted(parts, key=lambda part: part[0])
        ]
        at = sum(part[0] < RETRIEVE_URL for part in parts)
        self._before, self._after = self._parts[:at], self._parts[at:]
        self._address = address

    def all(self, rows: Sequence[Row]) -> bytes:
        """The array of all rows."""
        return f"[{','.join(map(self.one, rows))}]".encode()

    def one(self, row: Row) -> str:
        """The object of one match."""
        out = [_part(row, *part) for part in self._before]
        out.append(f'"00081190":{{"vr":"UR","Value":[{self._address(row)}]}}')
        out += [_part(row, *part) for part in self._after]
        return f"{{{','.join(out)}}}"


def _part(row: Row, begin: str, place: int | None, write: Writer) -> str:
    return begin if place is None else begin + write(row[place])


def _address(root: str, places: Sequence[int]) -> Callable[[Row], str]:
    steps = list(zip(_STEPS, places, strict=False))
    return lambda row: quoted(root + "".join(step + row[place] for step, place in steps))


@lru_cache(maxsize=256)
def _writer(key: Key) -> Writer:
    if key.kind in {Kind.NUMBER, Kind.SUM}:
        return lambda number: _NO_VALUE if number is None else f',"Value":[{number}]}}'
    if key.kind is Kind.AVAILABILITY:
        return lambda tier: _text(availability(tier))
    if key.is_list:
        return lambda column: _texts(list_value(column))
    return {"PN": _name, "IS": _whole_number}.get(key.vr, _texts)


def _no_value(_: Any) -> str:
    return _NO_VALUE


def _text(value: str) -> str:
    return f',"Value":[{quoted(value)}]}}' if value else _NO_VALUE


def _texts(value: str) -> str:
    if "\\" not in value:
        return f',"Value":[{quoted(value)}]}}' if value else _NO_VALUE
    values = ",".join(quoted(part) if part else "null" for part in value.split("\\"))
    return f',"Value":[{values}]}}'


def _whole_number(value: str) -> str:
    """A number where it is one; JSON has none with zeros before it, and devices write other things (PS3.18 F.2.3.1)."""
    try:
        return f',"Value":[{int(value)}]}}'
    except ValueError:
        return _texts(value)


def _name(value: str) -> str:
    if not value:
        return _NO_VALUE
    if "=" not in value and "\\" not in value:
        return f',"Value":[{{"Alphabetic":{quoted(value)}}}]}}'
    return f',"Value":[{",".join(map(_groups, value.split(chr(92))))}]}}'


def _groups(name: str) -> str:
    groups = zip(_GROUPS, name.split("="), strict=False)
    return f"{{{','.join(f'{quoted(kind)}:{quoted(group)}' for kind, group in groups if group)}}}"


DEFAULT_KEYWORDS = {
    QueryLevel.STUDY: (
        "StudyDate", "StudyTime", "AccessionNumber", "InstanceAvailability", "ModalitiesInStudy",
        "ReferringPhysicianName", "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyID",
        "NumberOfStudyRelatedSeries", "NumberOfStudyRelatedInstances", "StudyDescription",
    ),
    QueryLevel.SERIES: (
        "Modality", "SeriesDescription", "SeriesNumber", "NumberOfSeriesRelatedInstances", "InstanceAvailability",
    ),
    QueryLevel.IMAGE: ("SOPClassUID", "InstanceAvailability", "InstanceNumber", "Rows", "Columns", "NumberOfFrames"),
}  # fmt: skip
