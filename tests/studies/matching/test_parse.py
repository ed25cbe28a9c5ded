"""Matching by VR, section by section (PS3.4 C.2.2.2)."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studies.errors import InvalidQuery
from studies.matching import parse
from studies.matching.parse import MAXIMUM_LENGTH, MAXIMUM_VALUES
from studies.matching.wildcards import is_like

YES, NO = True, False


@pytest.mark.parametrize(
    ("vr", "key", "value", "matches"),
    [
        pytest.param(vr, key, value, matches, id=f"{section} {vr} {key!r} {value!r}")
        for section, vr, key, value, matches in [
            ("C.2.2.2.1", "LO", "P1", "P1", YES),
            ("C.2.2.2.1", "LO", "P1", "p1", NO),
            ("C.2.2.2.1", "LO", "P1", "P12", NO),
            ("C.2.2.2.1", "LO", " P1 ", "P1", YES),
            ("C.2.2.2.1", "SH", "a%b_c", "a%b_c", YES),
            ("C.2.2.2.1", "SH", "a%", "ab", NO),
            ("C.2.2.2.1", "CS", "CT", "CT", YES),
            ("C.2.2.2.1", "CS", "ct", "CT", NO),
            ("C.2.2.2.1", "IS", "+7", "7", YES),
            ("C.2.2.2.1", "IS", "007", "7", YES),
            ("C.2.2.2.1", "IS", "7", "007", YES),
            ("C.2.2.2.1", "IS", "7", "70", NO),
            ("C.2.2.2.1", "IS", "-7", "-7", YES),
            ("C.2.2.2.1", "IS", "-7", "7", NO),
            ("C.2.2.2.1.1", "PN", "doe^jane", "DOE^Jane", YES),
            ("C.2.2.2.1.1", "PN", "Doe^Jane^^", "Doe^Jane", YES),
            ("C.2.2.2.1.1", "PN", "Doe^Jane", "Doe^Jane^^^", YES),
            ("C.2.2.2.1.1", "PN", "Doe", "Doe^Jane", NO),
            ("C.2.2.2.1.1", "PN", "MÜLLER^JÜRGEN", "Müller^Jürgen", YES),
            ("C.2.2.2.1.1", "PN", "Muller", "Müller", NO),
            ("C.2.2.2.1.1", "PN", "ΣΟΦΙΑ", "σοφια", YES),
            ("C.2.2.2.1.1", "PN", "Wang^XiaoDong", "Wang^XiaoDong=王^小東=", YES),
            ("C.2.2.2.1.1", "PN", "王^小東", "Wang^XiaoDong=王^小東", YES),
            ("C.2.2.2.1.1", "PN", "Wang^XiaoDong=王^小東", "Wang^XiaoDong=王^小東=", YES),
            ("C.2.2.2.1.1", "PN", "=王^小東", "Wang^XiaoDong=王^小東", YES),
            ("C.2.2.2.1.1", "PN", "=Wang^XiaoDong", "Wang^XiaoDong=王^小東", NO),
            ("C.2.2.2.1.1", "PN", "^^", "Doe", YES),
            ("C.2.2.2.1.3", "DA", "20261120", "20261120", YES),
            ("C.2.2.2.1.3", "DA", "2026.11.20", "20261120", YES),
            ("C.2.2.2.1.3", "DA", "20261120", "", NO),
            ("C.2.2.2.1.3", "TM", "2230", "223000", YES),
            ("C.2.2.2.1.3", "TM", "2230", "223000.000", YES),
            ("C.2.2.2.1.3", "TM", "223000", "2230", YES),
            ("C.2.2.2.1.3", "TM", "22", "2200", YES),
            ("C.2.2.2.1.3", "TM", "2230", "223001", NO),
            ("C.2.2.2.1.3", "TM", "223001.5", "223001.500000", YES),
            ("C.2.2.2.2", "UI", "1.2.3", "1.2.3", YES),
            ("C.2.2.2.2", "UI", "1.2.3\\1.2.4", "1.2.4", YES),
            ("C.2.2.2.2", "UI", "1.2.3\\1.2.4", "1.2", NO),
            ("C.2.2.2.2", "UI", "1.2.3\\", "1.2.3", YES),
            ("C.2.2.2.2", "UI", "1.2.*", "1.2.3", NO),
            ("C.2.2.2.3", "LO", "", "", YES),
            ("C.2.2.2.3", "LO", "", "x", YES),
            ("C.2.2.2.3", "DA", "*", "", YES),
            ("C.2.2.2.3", "UI", "*", "1.2", YES),
            ("C.2.2.2.4", "LO", "P*", "P123", YES),
            ("C.2.2.2.4", "LO", "P*", "P", YES),
            ("C.2.2.2.4", "LO", "p*", "P123", NO),
            ("C.2.2.2.4", "LO", "P?", "P", NO),
            ("C.2.2.2.4", "LO", "P?3", "P23", YES),
            ("C.2.2.2.4", "LO", "*2*", "P123", YES),
            ("C.2.2.2.4", "LO", "*", "", YES),
            ("C.2.2.2.4", "LO", "100%*", "100% sure", YES),
            ("C.2.2.2.4", "LO", "100%*", "1000", NO),
            ("C.2.2.2.4", "LO", "a_*", "ab", NO),
            ("C.2.2.2.4", "LO", "[ab]*", "[ab]c", YES),
            ("C.2.2.2.4", "LO", "[ab]*", "ac", NO),
            ("C.2.2.2.4", "PN", "m?ll*", "Müller^Max", YES),
            ("C.2.2.2.4", "PN", "*^max", "Müller^Max", YES),
            ("C.2.2.2.4", "PN", "wang*", "Wang^XiaoDong=王^小東", YES),
            ("C.2.2.2.4", "PN", "王*", "Wang^XiaoDong=王^小東", YES),
            ("C.2.2.2.4", "PN", "*wang*王*", "Wang^XiaoDong=王^小東", YES),
            ("C.2.2.2.5.1", "DA", "20260101-20261231", "20260101", YES),
            ("C.2.2.2.5.1", "DA", "20260101-20261231", "20261231", YES),
            ("C.2.2.2.5.1", "DA", "20260101-20261231", "20270101", NO),
            ("C.2.2.2.5.1", "DA", "20260101-20261231", "", NO),
            ("C.2.2.2.5.1", "DA", "-20261231", "19000101", YES),
            ("C.2.2.2.5.1", "DA", "-20261231", "", NO),
            ("C.2.2.2.5.1", "DA", "20260101-", "20251231", NO),
            ("C.2.2.2.5.1", "DA", "20260101 - 20261231", "20260601", YES),
            ("C.2.2.2.5.2", "TM", "1000-1200", "10", YES),
            ("C.2.2.2.5.2", "TM", "1000-1200", "100000.5", YES),
            ("C.2.2.2.5.2", "TM", "1000-1200", "120000", YES),
            ("C.2.2.2.5.2", "TM", "1000-1200", "120030", YES),
            ("C.2.2.2.5.2", "TM", "1000-1200", "1201", NO),
            ("C.2.2.2.5.2", "TM", "1000-1200", "095959.999999", NO),
            ("C.2.2.2.5.2", "TM", "-12", "125959", YES),
            ("C.2.2.2.5.2", "TM", "-12", "", NO),
            ("C.2.2.2.5.2", "TM", "101512.5-", "101512.4", NO),
            ("C.2.2.2.5.2", "TM", "101512.5-", "101512.50", YES),
            ("empty value", "LO", '""', "", YES),
            ("empty value", "LO", '""', "x", NO),
        ]
    ],
)
def test_a_key_matches(vr: str, key: str, value: str, matches: bool) -> None:
    assert parse(vr, key).matches(value) is matches


@pytest.mark.parametrize(
    ("key", "value", "matches"),
    [
        ("muller", "Müller^Jürgen", YES),
        ("jurgen muller", "Müller^Jürgen", YES),
        ("Müller^J", "MULLER^JURGEN", YES),
        ("strasse", "Straße^Anna", YES),
        ("lodz", "Łódź^Jan", YES),
        ("muller anna", "Müller^Jürgen", NO),
        ("uller", "Müller^Jürgen", NO),
        ("*uller", "Müller^Jürgen", YES),
        ("", "Müller", YES),
        ("^", "Müller", YES),
    ],
)
def test_a_fuzzy_name_matches(key: str, value: str, matches: bool) -> None:
    assert parse("PN", key, fuzzy=True).matches(value) is matches


@pytest.mark.parametrize(
    ("vr", "key"),
    [
        ("DA", "2026"),
        ("DA", "20261301"),
        ("DA", "20260230"),
        ("DA", "2026-11-20"),
        ("DA", "-"),
        ("DA", "2026*"),
        ("DA", "20260101-20260102-20260103"),
        ("TM", "25"),
        ("TM", "1"),
        ("TM", "1260"),
        ("TM", "noon"),
        ("IS", "seven"),
        ("IS", "1.5"),
        ("IS", "\N{SUPERSCRIPT TWO}"),
        ("IS", "9" * 40),
        ("LO", "A\\B"),
        ("PN", "A\\B"),
        ("LO", "x" * (MAXIMUM_LENGTH + 1)),
        ("UI", "\\".join(f"1.{n}" for n in range(MAXIMUM_VALUES + 1))),
    ],
)
def test_a_key_that_means_nothing_is_refused(vr: str, key: str) -> None:
    with pytest.raises(InvalidQuery):
        parse(vr, key)


def test_a_range_that_ends_before_it_begins_says_so() -> None:
    assert parse("DA", "20270101-20260101").is_inverted  # type: ignore[attr-defined]
    assert not parse("TM", "1000-10").is_inverted  # type: ignore[attr-defined]


def test_a_list_of_ten_thousand_uids_is_taken() -> None:
    matcher = parse("UI", "\\".join(f"1.{n}" for n in range(MAXIMUM_VALUES)))
    assert matcher.matches("1.9999")


def naive(value: str, pattern: str) -> bool:
    """The definition, word by word."""
    if not pattern:
        return not value
    if pattern[0] == "*":
        return naive(value, pattern[1:]) or (bool(value) and naive(value[1:], pattern))
    return bool(value) and pattern[0] in ("?", value[0]) and naive(value[1:], pattern[1:])


@settings(max_examples=300)
@given(st.text("ab%_[\\", max_size=8), st.text("ab%_[\\*?", max_size=7))
def test_wildcards_are_as_the_definition_says(value: str, pattern: str) -> None:
    assert is_like(value, pattern) is naive(value, pattern)


def test_a_flood_of_wildcards_costs_little() -> None:
    assert not is_like("a" * 324, "*a" * 100 + "*b")
    assert is_like("a" * 324, "*a" * 100 + "*")


TIMES = st.integers(0, 86_399_999_999)


def written(microseconds: int, digits: int) -> str:
    seconds, fraction = divmod(microseconds, 1_000_000)
    whole = f"{seconds // 3600:02}{seconds // 60 % 60:02}{seconds % 60:02}"
    return whole[:digits] if digits <= 6 else f"{whole}.{fraction:06}"[: digits + 1]


def meant(text: str) -> int:
    whole, _, fraction = text.partition(".")
    whole, fraction = whole.ljust(6, "0"), fraction.ljust(6, "0")
    return (int(whole[:2]) * 3600 + int(whole[2:4]) * 60 + int(whole[4:])) * 1_000_000 + int(fraction)


FORMS = st.sampled_from([2, 4, 6, 7, 9, 12])


@settings(max_examples=300)
@given(TIMES, FORMS, TIMES, FORMS)
def test_the_beginning_of_a_range_is_one_of_meaning(first: int, form: int, value: int, other: int) -> None:
    begin, held = written(first, form), written(value, other)
    assert parse("TM", f"{begin}-").matches(held) is (meant(held) >= meant(begin))
    assert parse("TM", begin).matches(held) is (meant(held) == meant(begin))
