# ruff: noqa: RUF001 (names are written in several scripts)
"""What the database finds is what the matchers say, in pages of any size, on SQLite and PostgreSQL alike."""

import random
from collections.abc import Iterator
from typing import Any

import pytest

from studies.errors import InvalidQuery
from studies.matching import Matcher, parse
from studies.models import Instance, Series, Study
from studies.query import search
from studies.query.conditions import MAXIMUM_OF_LIST_COLUMN
from studies.query.keys import BY_KEYWORD, KEYS, Key, Kind, QueryLevel
from studies.query.question import question
from studies.query.search import Search
from tests.factories import InstanceFactory, SeriesFactory, StudyFactory

pytestmark = pytest.mark.django_db
NAMES = [
    "Doe^Jane", "DOE^JANE^^^", "doe^john", "Müller^Jürgen", "MULLER^JURGEN", "Wang^XiaoDong=王^小東", "Иванов^Иван", "",
    "O'Brien^Pat", "Under_score^100%", "Back\\slash", "[ab]^c", "Straße^Eva", "İpek^Işıl", "Kelvin^\N{KELVIN SIGN}",
]  # fmt: skip
VALUES = {
    "patient_id": ["P1", "p1", "P12", "P_2", "P%2", "[P]", "P[1]", "Ä1", "", "P*"],
    "patient_name": NAMES,
    "study_date": ["20260101", "20260615", "20261231", "", "2026"],
    "study_time": ["10", "1000", "100000", "101112.5", "120030", "", "235959.999999"],
    "accession_number": ["A1", "a1", "", "A 1"],
    "modalities_in_study": ["\\CT\\", "\\CT\\SR\\", "\\MR\\", "", "\\C\\", "\\CTX\\PT\\"],
}
KEYWORDS = {
    "PatientID": ["P1", "P*", "p?", "?1", "*[*", "P_*", "P%2", "[P]", "*", "", '""', "Ä*", "P1*"],
    "PatientName": ["doe*", "DOE^JANE", "*j?ne*", "müller*", "m?ller^*", "王*", "wang*", "иванов*", "*_*", "*%",
                    "back*", "[ab]*", "straße*", "*", "i*", "k*", "*k*", '""', "=王^小東", "o'brien^pat"],
    "StudyDate": ["20260101", "20260101-20260630", "-20260615", "20260615-", '""'],
    "StudyTime": ["10", "1000", "100000.0", "10-11", "-12", "1200-", "101112.5", '""'],
    "AccessionNumber": ["A1", "a*", '""'],
    "ModalitiesInStudy": ["CT", "MR", "C", "CT\\MR", "C*", "*T*", '""', "ct"],
    "StudyInstanceUID": ["1.2.1", "1.2.1\\1.2.7\\9.9"],
}  # fmt: skip


@pytest.fixture
def studies() -> list[Study]:
    rnd = random.Random(7)
    return [
        StudyFactory.create(
            study_instance_uid=f"1.2.{number}", **{name: rnd.choice(values) for name, values in VALUES.items()}
        )
        for number in range(60)
    ]


def run(level: QueryLevel, wanted: dict[Key, Matcher], *asked: str, **how: Any) -> list[dict[str, Any]]:
    found = Search(question(level, wanted, [BY_KEYWORD[word] for word in asked], **how))
    return [{key.keyword: row[place] for key, place in found.places.items()} for page in found.pages() for row in page]


def matches(study: Study, key: Key, matcher: Matcher) -> bool:
    held = getattr(study, key.field)
    if key.kind is Kind.LIST and held:
        return any(matcher.matches(one) for one in held.strip("\\").split("\\"))
    return matcher.matches(held)


@pytest.mark.parametrize("fuzzy", [False, True])
def test_the_database_finds_what_the_matchers_say(studies: list[Study], fuzzy: bool) -> None:
    rnd = random.Random(11)
    cases = [{word: value} for word, values in KEYWORDS.items() for value in values]
    cases += [
        {word: rnd.choice(KEYWORDS[word]) for word in rnd.sample(sorted(KEYWORDS), rnd.randint(2, 3))}
        for _ in range(80)
    ]
    for case in cases:
        wanted = {
            BY_KEYWORD[word]: parse(BY_KEYWORD[word].vr, value, fuzzy=fuzzy, is_list=BY_KEYWORD[word].is_list)
            for word, value in case.items()
        }
        expected = [one for one in studies if all(matches(one, key, matcher) for key, matcher in wanted.items())]
        found = run(QueryLevel.STUDY, wanted)
        assert [row["StudyInstanceUID"] for row in found] == [one.study_instance_uid for one in expected], case
        windowed, total = Search(question(QueryLevel.STUDY, wanted, [])).window(["s.id DESC"], 1, 5)
        assert len(windowed) == max(0, min(len(expected) - 1, 5)), case
        assert total in {None, len(expected)}, case


@pytest.mark.parametrize("size", [1, 3, 60, 100])
def test_pages_of_any_size_hold_each_match_once(
    studies: list[Study], monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(search, "FIRST_PAGE", size)
    monkeypatch.setattr(search, "PAGE", size)
    assert [row["StudyInstanceUID"] for row in run(QueryLevel.STUDY, {})] == [one.study_instance_uid for one in studies]
    patients = run(QueryLevel.PATIENT, {}, "NumberOfPatientRelatedStudies")
    expected: dict[str, int] = {}
    for one in studies:
        expected[one.patient_id] = expected.get(one.patient_id, 0) + 1
    expected.pop("")
    assert {row["PatientID"]: row["NumberOfPatientRelatedStudies"] for row in patients} == expected


def test_the_first_page_is_there_before_the_second_is_asked_for(
    studies: list[Study], monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: Any
) -> None:
    monkeypatch.setattr(search, "FIRST_PAGE", 10)
    pages: Iterator[Any] = Search(question(QueryLevel.STUDY, {}, [])).pages()
    with django_assert_num_queries(1):
        assert len(next(pages)) == 10


@pytest.mark.parametrize(
    ("dates", "times", "found"),
    [
        ("20260705-20260707", "1000-1800", ["1.1", "1.2", "1.3"]),
        ("20260705-20260705", "1000-1800", ["1.1"]),
        ("20260705-", "1100-", ["1.2", "1.3", "1.4"]),
        ("-20260706", "-0900", ["1.0", "1.1", "1.2"]),
        ("20260705-20260707", "2300-0100", ["1.2", "1.5"]),
    ],
)
def test_date_and_time_are_one_moment_where_that_is_agreed_on(dates: str, times: str, found: list[str]) -> None:
    """PS3.4 C.2.2.2.5.4."""
    moments = ["20260705 08", "20260705 1030", "20260706 0900", "20260707 175959", "20260708 10", "20260705 2330"]
    for number, moment in enumerate(moments):
        date, time = moment.split()
        StudyFactory.create(study_instance_uid=f"1.{number}", study_date=date, study_time=time)
    # On a day that lies wholly within the range its time makes no difference.
    StudyFactory.create(study_instance_uid="1.6", study_date="20260705", study_time="")
    wanted = {BY_KEYWORD["StudyDate"]: parse("DA", dates), BY_KEYWORD["StudyTime"]: parse("TM", times)}
    rows = run(QueryLevel.STUDY, wanted, combine_date_time=True)
    expected = [f"1.{at}" for at, moment in enumerate(moments) if _between(moment, dates, times)]
    expected += ["1.6"] if dates == "-20260706" else []
    assert sorted(row["StudyInstanceUID"] for row in rows) == expected


def _between(moment: str, dates: str, times: str) -> bool:
    date, time = moment.split()
    held = date + time.ljust(6, "0")
    (first, last), (begin, end) = dates.split("-"), times.split("-")
    lower = not first or held >= first + begin.ljust(6, "0")
    return lower and (not last or held <= last + end.ljust(4, "0") + "59")


def test_keys_of_levels_below_ask_for_one_that_has_all(studies: list[Study]) -> None:
    one, other = studies[:2]
    InstanceFactory.create(series=SeriesFactory.create(study=one, modality="MR", series_number="1"))
    SeriesFactory.create(study=one, modality="CT", series_number="2")
    InstanceFactory.create(series__study=other, series__modality="MR", is_primary=False)

    def found(**keys: str) -> list[str]:
        wanted = {BY_KEYWORD[word]: parse(BY_KEYWORD[word].vr, value) for word, value in keys.items()}
        return [row["StudyInstanceUID"] for row in run(QueryLevel.STUDY, wanted)]

    assert found(Modality="MR") == [one.study_instance_uid, other.study_instance_uid]
    assert found(Modality="MR", SeriesNumber="02") == []
    assert found(Modality="CT", SeriesNumber="02") == [one.study_instance_uid]
    assert found(Modality="MR", Rows="512") == [one.study_instance_uid]
    assert found(Modality="MR", Rows="99999999999") == []


def test_each_key_can_be_asked_for_and_matched_at_each_level(studies: list[Study]) -> None:
    InstanceFactory.create(series__study=studies[0])
    sample = {"DA": "20260101", "TM": "10", "IS": "1", "US": "512", "UI": "1.2"}
    for level in QueryLevel:
        assert run(level, {}, *(key.keyword for key in KEYS))
        for key in KEYS:
            if key.is_matched:
                for value in (sample.get(key.vr, "X*"), '""'):
                    run(level, {key: parse(key.vr, value, is_list=key.is_list)})


def test_a_list_that_an_expression_cannot_hold_is_refused() -> None:
    key = BY_KEYWORD["ModalitiesInStudy"]
    many = "\\".join(f"M{n}" for n in range(MAXIMUM_OF_LIST_COLUMN + 1))
    with pytest.raises(InvalidQuery):
        run(QueryLevel.STUDY, {key: parse("CS", many, is_list=True)})


def test_a_flood_of_studies_is_not_read_for_one_page() -> None:
    Study.objects.bulk_create(StudyFactory.build_batch(250))
    assert [len(page) for page in Search(question(QueryLevel.STUDY, {}, [])).pages()] == [100, 150]
    assert (Series.objects.count(), Instance.objects.count()) == (0, 0)
