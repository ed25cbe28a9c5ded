"""Patient IDs of one source and of the federation: nothing that matches is lost, nothing is asked that cannot match."""

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from spanner.answers import Row, text_of
from spanner.crosswalk import Crosswalk, is_wanted, without_prefix
from spanner.question import ISSUER, PATIENT_ID, Question, matcher_of, question
from studies.query.keys import QueryLevel

NORTH = Crosswalk(prefix="N-", issuer="NORTH")


def asking(patient_id: str = "", issuer: str = "") -> Question:
    return question(QueryLevel.STUDY, {PATIENT_ID: patient_id, ISSUER: issuer})


def match(patient_id: str, issuer: str = "") -> Row:
    found = {}
    for tag, text in ((PATIENT_ID, patient_id), (ISSUER, issuer)):
        found[f"{tag:08X}"] = {"vr": "LO", "Value": [text]} if text else {"vr": "LO"}
    return found


@pytest.mark.parametrize(
    ("wanted", "asked"),
    [
        ("", ""),
        ("N-4711", "4711"),
        (" N-4711 ", "4711"),
        ("N-47*", "47*"),
        ("N-*", "*"),
        ("N*", "*"),
        ("*4711", "*4711"),
        ("?-4711", "4711"),
        ("*-4711", ""),  # "4711" or "*-4711": all, and looked through
        ('""', '""'),
        ("4711", None),
        ("S-4711", None),
        ("S-*", None),
        ("n-4711", None),  # patient IDs are compared with their case (PS3.4 C.2.2.2.1)
        ("N-", None),
        ("N", None),
    ],
)
def test_the_source_is_asked_without_its_prefix(wanted: str, asked: str | None) -> None:
    found = NORTH.outwards(asking(wanted))
    assert (found.value(PATIENT_ID) if found else None) == asked


@pytest.mark.parametrize(
    ("wanted", "asked"),
    [("NORTH", ""), ("NOR*", ""), ("SOUTH", "SOUTH"), ("", "")],
)
def test_its_own_issuer_is_not_asked_for_but_others_are(wanted: str, asked: str) -> None:
    found = NORTH.outwards(asking(issuer=wanted))
    assert found is not None
    assert found.value(ISSUER) == asked


def test_a_match_comes_in_with_prefix_and_issuer() -> None:
    assert NORTH.inwards(match("4711")) == match("N-4711", "NORTH")
    assert NORTH.inwards(match("4711", "ELSE")) == match("N-4711", "ELSE")
    assert NORTH.inwards(match("")) == match("")


def test_without_rules_nothing_changes() -> None:
    asked = asking("4711", "ANY")
    assert Crosswalk().outwards(asked) == asked
    assert Crosswalk().inwards(match("4711")) == match("4711")


def test_a_study_of_nobody_is_left_out_only_where_all_were_asked_for() -> None:
    asked = asking("4711")
    assert is_wanted(match(""), asked, asked)
    assert not is_wanted(match(""), asked, asked.with_value(PATIENT_ID, ""))


def test_a_pattern_full_of_stars_costs_little() -> None:
    assert len(without_prefix("*a" * 400, "a" * 16)) <= 17


def texts(letters: str, most: int) -> st.SearchStrategy[str]:
    return st.lists(st.sampled_from(letters), max_size=most).map("".join)


IDS = texts("N-1", 4)
ISSUERS = st.sampled_from(["", "NORTH", "SOUTH"])
PATTERNS = texts("N-1*?", 5)


@example(rules=Crosswalk("N", ""), held=[("", "")], wanted="N*", issuer="")
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    rules=st.builds(Crosswalk, texts("N-1", 3), ISSUERS),
    held=st.lists(st.tuples(IDS, ISSUERS), max_size=6),
    wanted=PATTERNS,
    issuer=st.sampled_from(["", "NORTH", "SOUTH", "*TH", "N*"]),
)
def test_what_is_found_is_what_the_federation_would_find_in_all(
    rules: Crosswalk, held: list[tuple[str, str]], wanted: str, issuer: str
) -> None:
    asked = asking(wanted, issuer)
    rows = [match(*one) for one in held]
    expected = [one for one in map(rules.inwards, rows) if matches(one, asked)]
    outwards = rules.outwards(asked)
    answered = [one for one in rows if outwards is not None and answers_to(one, outwards)]
    found = [one for one in map(rules.inwards, answered) if outwards and is_wanted(one, asked, outwards)]
    assert [one for one in found if text_of(one, ISSUER) or not issuer] == expected


def matches(row: Row, asked: Question) -> bool:
    return all(matcher_of(tag, asked.value(tag)).matches(text_of(row, tag)) for tag in (PATIENT_ID, ISSUER))


def answers_to(row: Row, asked: Question) -> bool:
    """As archives do: those that do not know an issuer answer with what has none."""
    wanted = asked.value(ISSUER)
    is_of_issuer = not wanted or not text_of(row, ISSUER) or matcher_of(ISSUER, wanted).matches(text_of(row, ISSUER))
    return is_of_issuer and matcher_of(PATIENT_ID, asked.value(PATIENT_ID)).matches(text_of(row, PATIENT_ID))
