"""An archive that cuts its lists: all is found, or it is said that there may be more."""

from collections.abc import Callable
from datetime import date, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spanner.answers import Row, text_of
from spanner.errors import SourceFailed
from spanner.question import STUDY_DATE, STUDY_UID, Question, matcher_of, question
from spanner.slices import MAXIMUM_QUESTIONS, Batch, ask_in_slices
from studies.query.keys import QueryLevel

TODAY = date(2026, 6, 15)
LIMIT = 10_000


def study(number: int, day: str) -> Row:
    return {"0020000D": {"vr": "UI", "Value": [f"1.{number}"]}, "00080020": {"vr": "DA", "Value": [day] if day else []}}


class Cutting:
    """Gives at most so many matches, in an order of its own, and does not say so."""

    def __init__(self, days: list[str], most: int) -> None:
        self.rows = [study(number, day) for number, day in enumerate(days)]
        self.most = most
        self.asked: list[str] = []

    def __call__(self, asked: Question) -> Batch:
        wanted = asked.value(STUDY_DATE)
        self.asked.append(wanted)
        matcher = matcher_of(STUDY_DATE, wanted)
        rows = [row for row in self.rows if matcher.matches(text_of(row, STUDY_DATE))]
        return Batch(rows[: self.most], is_cut=len(rows) >= self.most)

    def uids(self, wanted: str) -> set[str]:
        matcher = matcher_of(STUDY_DATE, wanted)
        return {text_of(row, STUDY_UID) for row in self.rows if matcher.matches(text_of(row, STUDY_DATE))}


def studies_on(wanted: str) -> Question:
    return question(QueryLevel.STUDY, {STUDY_DATE: wanted})


def found_by(archive: Callable[[Question], Batch], wanted: str, limit: int = LIMIT) -> tuple[set[str], bool]:
    batch = ask_in_slices(archive, studies_on(wanted), TODAY, limit)
    return {text_of(row, STUDY_UID) for row in batch.rows}, batch.is_cut


DAYS = st.one_of(
    st.dates(date(2020, 1, 1), date(2026, 12, 31)),
    st.dates(date(2026, 6, 1), date(2026, 6, 20)),
    st.dates(date(1, 1, 1), date(9999, 12, 31)),
).map(lambda day: day.isoformat().replace("-", ""))


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    days=st.lists(st.one_of(DAYS, st.just("")), max_size=60),
    most=st.integers(1, 12),
    wanted=st.one_of(
        st.just(""),
        DAYS,
        DAYS.map(lambda day: f"{day}-"),
        DAYS.map(lambda day: f"-{day}"),
        st.tuples(DAYS, DAYS).map(lambda two: f"{min(two)}-{max(two)}"),
        st.tuples(DAYS, DAYS).map(lambda two: f"{max(two)}-{min(two)}"),
    ),
)
def test_all_is_found_or_said_to_be_partial(days: list[str], most: int, wanted: str) -> None:
    archive = Cutting(days, most)
    found, is_cut = found_by(archive, wanted)
    expected = archive.uids(wanted)
    assert found <= expected
    assert is_cut or found == expected
    assert len(archive.asked) <= MAXIMUM_QUESTIONS


def test_a_list_that_is_not_cut_is_asked_for_once() -> None:
    archive = Cutting(["20260101"] * 5, 10)
    assert found_by(archive, "20250101-") == ({"1.0", "1.1", "1.2", "1.3", "1.4"}, False)
    assert archive.asked == ["20250101-"]


def test_a_year_of_studies_comes_whole() -> None:
    begin = date(2025, 1, 1)
    archive = Cutting([f"{begin + timedelta(days=day):%Y%m%d}" for day in range(365)], 30)
    found, is_cut = found_by(archive, "20250101-20251231")
    assert (len(found), is_cut) == (365, False)


def test_dates_of_clocks_that_are_wrong_are_found() -> None:
    archive = Cutting(["20260101"] * 3 + ["20260201"] * 3 + ["21000101", "18990101"], 4)
    assert found_by(archive, "20260101-") == ({f"1.{number}" for number in range(7)}, False)
    assert found_by(archive, "-20260201") == ({*(f"1.{number}" for number in range(6)), "1.7"}, False)


def test_of_a_range_that_begins_with_unix_nothing_older_is_asked_for() -> None:
    archive = Cutting(["19700101", "19700201", "20200101", "19690101"], 2)
    assert found_by(archive, "19700101-20261231")[0] == {"1.0", "1.1", "1.2"}


def test_a_day_with_more_than_it_gives_is_partial() -> None:
    assert found_by(Cutting(["20260101"] * 9, 4), "20260101-20260102")[1]
    assert found_by(Cutting(["20260101"] * 9, 4), "20260101")[1]


def test_without_a_range_some_may_have_no_date() -> None:
    found, is_cut = found_by(Cutting(["20260101", "", "20250101"], 2), "")
    assert is_cut
    assert {"1.0", "1.2"} <= found


def test_an_archive_that_ignores_dates_is_not_asked_for_ever() -> None:
    asked = []

    def ignoring(one: Question) -> Batch:
        asked.append(one)
        return Batch([study(1, "20260101")], is_cut=True)

    assert found_by(ignoring, "20200101-") == ({"1.1"}, True)
    assert len(asked) == MAXIMUM_QUESTIONS


def test_who_has_enough_asks_no_more() -> None:
    archive = Cutting([f"2026{month:02}01" for month in range(1, 13)] * 4, 5)
    found, is_cut = found_by(archive, "20260101-", 12)
    assert (len(found), is_cut) == (12, True)
    assert len(archive.asked) < len(whole(archive).asked)
    once = Cutting(["20260101", "20260201"], 2)
    assert found_by(once, "20260101-", 2)[1]
    assert once.asked == ["20260101-"]


def whole(archive: Cutting) -> Cutting:
    """The same archive, asked for all."""
    again = Cutting([text_of(row, STUDY_DATE) for row in archive.rows], archive.most)
    found_by(again, "20260101-")
    return again


def test_a_failure_in_the_middle_has_what_was_found_before() -> None:
    sound = Cutting([f"2026{month:02}01" for month in range(1, 13)], 5)

    def failing(one: Question) -> Batch:
        if len(sound.asked) >= 2:
            raise SourceFailed("gone", [study(99, "20260101")])
        return sound(one)

    with pytest.raises(SourceFailed) as failed:
        found_by(failing, "20260101-")
    assert {text_of(row, STUDY_UID) for row in failed.value.rows} > {"1.99", "1.0"}


def test_one_uid_of_two_patients_is_two_matches() -> None:
    def of(patient: str) -> Row:
        return {**study(1, "20260101"), "00100020": {"vr": "LO", "Value": [patient]}}

    batch = ask_in_slices(lambda _: Batch([of("P"), of("Q")], is_cut=True), studies_on("20260101-"), TODAY, LIMIT)
    assert len(batch.rows) == 2


def test_series_are_not_sliced() -> None:
    asked = question(QueryLevel.SERIES, {STUDY_UID: "1.2"})
    batch = ask_in_slices(lambda _: Batch([study(1, "")], is_cut=True), asked, TODAY, LIMIT)
    assert batch.is_cut
