"""Fictitious patients: the same number is always the same person, and no number looks like a hospital's."""

from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from faker import Faker


@dataclass(frozen=True)
class Person:
    """A patient who does not exist (PS3.3 C.7.1.1)."""

    patient_id: str
    patient_name: str
    birth_date: date
    sex: str

    def age_on(self, day: date) -> str:
        """Age as VR AS (PS3.5 6.2), in whole years."""
        years = day.year - self.birth_date.year - ((day.month, day.day) < (self.birth_date.month, self.birth_date.day))
        return f"{max(years, 0):03d}Y"


@lru_cache(maxsize=1)
def _faker() -> Faker:
    return Faker("en_GB")


@lru_cache(maxsize=1024)
def person(number: int) -> Person:
    """The fictitious patient ``LAB-<number>``: name, birth date and sex follow from the number alone."""
    fake = _faker()
    fake.seed_instance(number)
    sex = fake.random_element("FM")
    given = fake.first_name_female() if sex == "F" else fake.first_name_male()
    return Person(
        patient_id=f"LAB-{number:04d}",
        patient_name=f"{fake.last_name()}^{given}",
        birth_date=fake.date_between(date(1935, 1, 1), date(2004, 12, 31)),
        sex=sex,
    )


def physician(number: int) -> str:
    """A fictitious referring physician (VR PN)."""
    fake = _faker()
    fake.seed_instance(1_000_003 + number)
    return f"{fake.last_name()}^{fake.first_name()}^^Dr"
