"""Versions of a rule: what differs, in words, and the way back."""

import pytest

from gateway.accounts.models import User
from routing.models import Destination, Rule
from routing.rules import save_rule
from routing.versions import CannotRollBack, differences, roll_back
from tests.factories import AIPoolFactory, DestinationFactory, RuleFactory, UserFactory

pytestmark = pytest.mark.django_db
CT = {"attribute": "Modality", "operator": "equals", "value": "CT"}
MR = {"attribute": "Modality", "operator": "equals", "value": "MR"}


@pytest.fixture
def author() -> User:
    return UserFactory.create()


def two_versions() -> tuple[Rule, Destination, Destination]:
    first, second = DestinationFactory.create(name="PACS"), DestinationFactory.create(name="Research")
    rule = RuleFactory.create(name="CT", conditions=[CT], to=[first], ask=[AIPoolFactory.create(name="Lung")])
    rule.name, rule.conditions, rule.priority, rule.scope, rule.mode = "MR", [MR], 1, "study", "shadow"
    rule.actions = [{"action": "set", "attribute": "InstitutionName", "value": "X"}]
    save_rule(rule, destinations=[second], reason="moved")
    return rule, first, second


def test_differences_are_told_in_words() -> None:
    rule, *_ = two_versions()
    new, old = rule.versions.all()

    assert differences(old.definition, new.definition) == [
        "Name: CT → MR",
        "Decides on: Each instance at once → The study, when it is complete",
        "Mode: Live → Shadow: it is judged and counted, and does nothing",
        "Priority: Routine → STAT",
        "Condition removed: Modality is CT",
        "Condition added: Modality is MR",
        "Action added: set InstitutionName to X",
        "Destination removed: PACS",
        "Destination added: Research",
        "AI pool removed: Lung",
    ]
    assert differences(new.definition, new.definition) == []


def test_a_version_from_before_there_were_modes_differs_in_nothing_else() -> None:
    definition = RuleFactory.create().versions.get().definition
    old = {name: value for name, value in definition.items() if name not in {"mode", "scope", "ai_pools", "actions"}}

    assert differences(old, definition) == []


def test_the_way_back_is_a_new_version(author: User) -> None:
    rule, first, _ = two_versions()
    before = rule.versions.get(number=1).definition

    version = roll_back(rule, 1, author=author)

    rule.refresh_from_db()
    assert (version.number, version.author, version.reason) == (3, author, "Back to version 1")
    assert version.definition == before
    assert (rule.name, rule.conditions, rule.actions, rule.mode, rule.version) == ("CT", [CT], [], "live", 3)
    assert list(rule.destinations.all()) == [first]
    assert [pool.name for pool in rule.ai_pools.all()] == ["Lung"]


def test_on_and_off_stay_as_they_are(author: User) -> None:
    rule, *_ = two_versions()
    rule.is_enabled = False
    rule.save()

    roll_back(rule, 1, author=author)

    rule.refresh_from_db()
    assert not rule.is_enabled


def test_no_way_back_to_what_is_deleted(author: User) -> None:
    rule, first, _ = two_versions()
    first.delete()

    with pytest.raises(CannotRollBack, match="Version 1 names PACS, which is deleted"):
        roll_back(rule, 1, author=author)
    assert rule.versions.count() == 2


def test_no_way_back_to_a_name_that_another_has_now(author: User) -> None:
    rule, *_ = two_versions()
    RuleFactory.create(name="CT")

    with pytest.raises(CannotRollBack, match="Version 1 cannot be had again"):
        roll_back(rule, 1, author=author)
    rule.refresh_from_db()
    assert rule.name == "MR"


@pytest.mark.parametrize(("number", "words"), [(2, "in force already"), (7, "has no version 7")])
def test_no_way_back_to_what_is_no_earlier_version(author: User, number: int, words: str) -> None:
    rule, *_ = two_versions()

    with pytest.raises(CannotRollBack, match=words):
        roll_back(rule, number, author=author)
