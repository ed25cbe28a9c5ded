"""What is invented follows from seed and number, is counted as it is, and looks like a hospital's."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from pydicom.uid import UID

from studies.seeding.invent import Invented, invent

pytestmark = pytest.mark.embedded
UNTIL = datetime(2026, 11, 28, 12, tzinfo=UTC)
SOME = range(1, 1201)


@pytest.fixture(scope="module")
def hospital() -> list[Invented]:
    return [invent(1, number, UNTIL, at_most=12) for number in SOME]


def test_same_seed_and_number_is_the_same_study() -> None:
    assert invent(1, 77, UNTIL, at_most=12) == invent(1, 77, UNTIL, at_most=12)
    assert invent(1, 77, UNTIL, at_most=12) != invent(2, 77, UNTIL, at_most=12)


def test_counters_are_the_number_of_rows(hospital: list[Invented]) -> None:
    for made in hospital:
        counts = [series["number_of_series_related_instances"] for series in made.series]
        assert counts == [len(rows) for rows in made.instances]
        assert made.study["number_of_study_related_instances"] == sum(counts) <= 12
        assert made.study["number_of_study_related_series"] == len(made.series)
        assert made.study["size_bytes"] == sum(row["size_bytes"] for rows in made.instances for row in rows)


def test_study_of_one_instance_where_that_is_the_most() -> None:
    assert {invent(1, number, UNTIL, at_most=1).study["number_of_study_related_instances"] for number in SOME} == {1}


def test_uids_are_valid_and_each_is_there_once(hospital: list[Invented]) -> None:
    uids = [made.study["study_instance_uid"] for made in hospital]
    uids += [row["series_instance_uid"] for made in hospital for row in made.series]
    uids += [row["sop_instance_uid"] for made in hospital for rows in made.instances for row in rows]

    assert len(set(uids)) == len(uids)
    assert all(UID(uid).is_valid and uid.startswith("2.25.") for uid in uids)


def test_studies_come_in_over_two_years_by_day_on_weekdays(hospital: list[Invented]) -> None:
    moments = [made.study["received_at"] for made in hospital]

    assert UNTIL - timedelta(days=740) < min(moments) < UNTIL - timedelta(days=700)
    assert UNTIL - timedelta(days=30) < max(moments) < UNTIL
    assert sum(moment.weekday() < 5 for moment in moments) > 0.9 * len(moments)
    assert sum(7 <= moment.hour < 19 for moment in moments) > 0.8 * len(moments)


def test_modalities_are_those_of_a_hospital(hospital: list[Invented]) -> None:
    kinds = Counter(made.series[0]["modality"] for made in hospital)

    assert set(kinds) >= {"CR", "CT", "DX", "MG", "MR", "NM", "PT", "RF", "US", "XA"}
    assert kinds["DX"] > kinds["MR"] > kinds["NM"]


def test_mammography_is_of_women_from_forty_on(hospital: list[Invented]) -> None:
    of = [made.study for made in hospital if "MG" in made.study["modalities_in_study"]]

    assert of
    assert all(study["patient_sex"] == "F" for study in of)
    assert all(int(study["study_date"][:4]) - int(study["patient_birth_date"][:4]) >= 40 for study in of)


def test_patients_come_again_and_are_of_all_ages(hospital: list[Invented]) -> None:
    people = {made.study["patient_id"]: made.study["patient_birth_date"][:4] for made in hospital}

    assert 0.3 < len(people) / len(hospital) < 0.6
    assert min(people.values()) < "1940"
    assert max(people.values()) > "2010"
