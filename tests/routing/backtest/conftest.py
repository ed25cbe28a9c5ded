"""Stored history, and back-tests that run here rather than in a worker."""

from collections.abc import Iterator
from typing import Any

import pytest

from routing.backtest import run
from routing.backtest.models import BackTest
from routing.events import back_tests_due
from routing.models import Rule
from routing.rules import definition_of


@pytest.fixture
def bells() -> Iterator[list[int]]:
    """Back-tests for which a turn was rung; nobody else hears it."""
    heard: list[int] = []

    def hear(pk: int, **kwargs: Any) -> None:
        heard.append(pk)

    receivers, back_tests_due.receivers = back_tests_due.receivers, []
    back_tests_due.sender_receivers_cache.clear()
    back_tests_due.connect(hear)
    yield heard
    back_tests_due.receivers = receivers
    back_tests_due.sender_receivers_cache.clear()


def start(conditions: list[Any], *, rule: Rule | None = None, days: int = 30, **fields: Any) -> BackTest:
    """A back-test of a draft with these conditions."""
    draft = Rule(name="draft", conditions=conditions, **fields)
    return run.start_back_test(definition_of(draft, [], []), rule=rule, days=days, author=None)


def finish(back_test: BackTest) -> BackTest:
    """Turn after turn, until there is no more to do."""
    while run.take_turn(back_test.pk):
        pass
    back_test.refresh_from_db()
    return back_test
