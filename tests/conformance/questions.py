"""Instances and generated queries for a comparison with another archive, and where answers may differ."""

import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage

from tests.corpus import CT, EXPLICIT, encoded, part10

NAMES = [
    ("Doe^Jane", ""), ("DOE^JOHN", ""), ("Doe^Jane^Q", ""), ("Müller^Jürgen", "ISO_IR 100"),
    ("Muller^Anna", ""), ("Wang^XiaoDong=王^小東", "ISO_IR 192"), ("Иванов^Иван", "ISO_IR 144"), ("O'Brien^Pat", ""),
    ("Smith^100%", ""), ("Under_score^A", ""),
]  # fmt: skip
DATES = ["20260101", "20260228", "20260615", "20261120", "20251231"]
TIMES = ["000000", "101112", "120030", "235959"]
MODALITIES = ["CT", "MR", "US", "SR"]
DESCRIPTIONS = ["CT Thorax", "MR Head 100%", "Knee [left]", "under_score", "ct thorax"]


@dataclass(frozen=True)
class Question:
    """One query: its level and its keys by keyword."""

    level: str
    keys: dict[str, str]


@dataclass(frozen=True)
class Difference:
    """A class of queries that the other archive answers in another way; docs/queries.md has the same table."""

    name: str
    section: str
    protocols: frozenset[str]
    covers: Callable[[Question], bool]


def instances() -> list[Dataset]:
    """Sixty instances of twenty studies of ten patients."""
    rnd = random.Random(3)
    found = []
    for study in range(20):
        name, character_set = NAMES[study % len(NAMES)]
        modalities = rnd.sample(MODALITIES, 2)
        shared = {
            "PatientName": name, "PatientID": f"P{study % len(NAMES)}", "PatientSex": rnd.choice("FMO"),
            "PatientBirthDate": f"19{rnd.randrange(40, 99)}0101", "StudyDate": DATES[study % len(DATES)],
            "StudyTime": TIMES[study % len(TIMES)], "AccessionNumber": f"A{study:03}", "StudyID": str(study),
            "StudyDescription": DESCRIPTIONS[study % len(DESCRIPTIONS)], "ReferringPhysicianName": "Ref^Doc",
            "StudyInstanceUID": f"1.2.826.7.{study + 1}",
        }  # fmt: skip
        for number in range(3):
            ds = Dataset()
            if character_set:
                ds.SpecificCharacterSet = character_set
            series = number % 2
            ds.SOPClassUID, ds.SOPInstanceUID = CTImageStorage, f"1.2.826.7.{study + 1}.{series + 1}.{number + 1}"
            for keyword, value in shared.items():
                setattr(ds, keyword, value)
            ds.SeriesInstanceUID = f"1.2.826.7.{study + 1}.{series + 1}"
            ds.Modality, ds.SeriesNumber, ds.InstanceNumber = modalities[series], series + 1, number + 1
            ds.SeriesDescription = f"Series {series + 1}"
            found.append(ds)
    return found


def files(folder: Path) -> list[Path]:
    """The same as Part 10 files."""
    paths = []
    for number, ds in enumerate(instances()):
        paths.append(folder / f"{number:03}.dcm")
        paths[-1].write_bytes(part10(encoded(ds, EXPLICIT), sop_instance_uid=ds.SOPInstanceUID, sop_class_uid=CT))
    return paths


_VALUES: dict[str, list[str]] = {
    "PatientName": ["Doe*", "doe^jane", "*J?NE*", "Müller^Jürgen", "m?ller*", "MÜLLER*", "*", "", "*_*", "*%", "Wang*",
                    "Иванов*", "o'brien^pat", "Doe^Jane", "*100%"],
    "PatientID": ["P1", "P*", "p1", "P?", "*", "", "P_", "P%", "[P]1"],
    "StudyDate": ["20260101", "20260101-20260615", "-20260228", "20260615-", "", "20300101-"],
    "StudyTime": ["101112", "101112-", "-1200", "1000-1200", "", "120030-120030"],
    "AccessionNumber": ["A001", "A00?", "*5", "a001", "A0*1", ""],
    "StudyDescription": ["CT Thorax", "ct*", "CT*", "*100%", "*[left]", "under_score", "under?score", "Knee [left]"],
    "PatientSex": ["F", "M", "*", ""],
    "ModalitiesInStudy": ["CT", "MR", "SR", "XX", ""],
    "StudyInstanceUID": ["1.2.826.7.1", "1.2.826.7.1\\1.2.826.7.5\\9.9", "9.9", ""],
}  # fmt: skip
_SERIES: dict[str, list[str]] = {
    "Modality": ["CT", "MR", "C*", "?R", "", "ct"],
    "SeriesNumber": ["1", "2", "7", ""],
    "SeriesDescription": ["Series 1", "series*", "Series*", "*2", ""],
    "SeriesInstanceUID": ["1.2.826.7.1.1", "1.2.826.7.1.1\\1.2.826.7.1.2", ""],
}
_IMAGE: dict[str, list[str]] = {
    "InstanceNumber": ["1", "3", "9", ""],
    "SOPInstanceUID": ["1.2.826.7.1.1.1", "1.2.826.7.1.1.1\\1.2.826.7.1.1.3", ""],
}


def questions(count: int, seed: int) -> Iterator[Question]:
    """Each value of each key alone, and then some together."""
    yield from (Question("STUDY", {keyword: value}) for keyword, values in _VALUES.items() for value in values)
    rnd = random.Random(seed)
    singles = sum(map(len, _VALUES.values()))
    for number in range(count - singles):
        level = ("STUDY", "SERIES", "IMAGE")[number % 3]
        study = rnd.randint(1, 20)
        own = {"STUDY": _VALUES, "SERIES": _SERIES, "IMAGE": _IMAGE}[level]
        keys = {keyword: rnd.choice(own[keyword]) for keyword in rnd.sample(sorted(own), rnd.randint(1, 2))}
        if level != "STUDY":
            keys["StudyInstanceUID"] = f"1.2.826.7.{study}"
        if level == "IMAGE":
            keys["SeriesInstanceUID"] = f"1.2.826.7.{study}.{rnd.randint(1, 2)}"
        yield Question(level, keys)


_OTHER_CASE = {"p1", "a001", "ct", "ct*", "CT*", "series*"}
_ESCAPED = re.compile(r"[^A-Za-z0-9*?,^'\[\]._\-\\]")

DIFFERENCES = (
    Difference(
        "a range of times ends with its last minute",
        "PS3.4 C.2.2.2.5.2",
        frozenset({"C-FIND", "QIDO-RS"}),
        lambda asked: asked.keys.get("StudyTime", "").endswith("-1200"),
    ),
    Difference(
        "`?` and a character beyond ASCII",
        "PS3.4 C.2.2.2.4",
        frozenset({"C-FIND", "QIDO-RS"}),
        lambda asked: asked.keys.get("PatientName") == "m?ller*",
    ),
    Difference(
        "case of letters, of other attributes than names",
        "PS3.4 C.2.2.2.4",
        frozenset({"QIDO-RS"}),
        lambda asked: bool(_OTHER_CASE & set(asked.keys.values())),
    ),
    Difference(
        "percent-encoded characters",
        "PS3.18 8.3.4.1",
        frozenset({"QIDO-RS"}),
        lambda asked: any(_ESCAPED.search(value) for value in asked.keys.values()),
    ),
)
