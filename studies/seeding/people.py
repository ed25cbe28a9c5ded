"""Fictitious patients and physicians: names from Faker, ages as in a hospital, all of it from a seed and a number."""

import random
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

from faker import Faker

from studies.seeding.marks import PATIENT_PREFIX

NAMES = 2_000
LOCALES = ["en_GB", "de_DE", "es_ES", "fr_FR", "pl_PL"]
BORN_BEFORE = date(2024, 1, 1)
# Share of patients by decade of age: few children, most between fifty and eighty.
DECADES = (5, 5, 8, 9, 10, 13, 17, 17, 12, 4)


@dataclass(frozen=True)
class Patient:
    """A patient who does not exist (PS3.3 C.7.1.1)."""

    patient_id: str
    patient_name: str
    birth_date: date
    sex: str

    def years_on(self, day: date) -> int:
        """Whole years."""
        has_not_had_birthday = (day.month, day.day) < (self.birth_date.month, self.birth_date.day)
        return max(0, day.year - self.birth_date.year - has_not_had_birthday)


@dataclass(frozen=True)
class Names:
    """As many as are drawn from: to ask Faker for each patient would take longer than to write the rows."""

    last: list[str]
    female: list[str]
    male: list[str]


@lru_cache(maxsize=4)
def names(seed: int) -> Names:
    """The names of one seed."""
    fake = Faker(LOCALES)
    fake.seed_instance(seed)
    return Names(
        [fake.last_name() for _ in range(NAMES)],
        [fake.first_name_female() for _ in range(NAMES)],
        [fake.first_name_male() for _ in range(NAMES)],
    )


def patient(seed: int, number: int) -> Patient:
    """The patient ``SEED-<seed>-<number>``."""
    rnd = random.Random(f"{seed} patient {number}")  # noqa: S311 (no secret)
    known = names(seed)
    sex = "O" if rnd.random() < 0.002 else rnd.choice("FM")
    given = rnd.choice(known.male if sex == "M" else known.female)
    decade = rnd.choices(range(len(DECADES)), DECADES)[0]
    return Patient(
        patient_id=f"{PATIENT_PREFIX}{seed}-{number:07d}",
        patient_name=f"{rnd.choice(known.last)}^{given}",
        birth_date=BORN_BEFORE - timedelta(days=round((decade + rnd.random()) * 3652.5)),
        sex=sex,
    )


def physician(seed: int, number: int) -> str:
    """A referring physician (VR PN)."""
    known = names(seed)
    return f"{known.last[number % NAMES]}^{known.female[number * 7 % NAMES]}^^Dr"
