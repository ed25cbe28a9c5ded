"""The hospital, and silence of the bells."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from routing.events import ai_work_due
from tests.peers import Listener
from tests.routing.ai.hospital import Hospital


@pytest.fixture
def rung_for_ai() -> Iterator[list[str]]:
    """One entry for each ring; nobody else hears it."""
    heard: list[str] = []

    def hear(**kwargs: object) -> None:
        heard.append("rung")

    receivers, ai_work_due.receivers = ai_work_due.receivers, []
    ai_work_due.sender_receivers_cache.clear()
    ai_work_due.connect(hear)
    yield heard
    ai_work_due.receivers = receivers
    ai_work_due.sender_receivers_cache.clear()


@pytest.fixture
def hospital(db: None, listener: Listener, rung: list[int], rung_for_ai: list[str], tmp_path: Path) -> Hospital:
    folder = tmp_path / "sent"
    folder.mkdir()
    return Hospital(listener, folder)
