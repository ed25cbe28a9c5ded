"""An audit trail of the test's own, with and without the triggers that keep it append-only."""

import pytest
from django.db import connection

from dicomnet.audit import Action, ActorKind, Entry
from gateway.audit import accesses, dimse
from gateway.audit.guard import guard
from gateway.audit.record import record
from gateway.env import Environment


@pytest.fixture(autouse=True)
def nothing_lately() -> None:
    """What other tests looked at is new again."""
    for lately in (accesses._accesses, accesses._queries, dimse._queries):
        lately.forget()


@pytest.fixture
def trail(home: Environment, db: None) -> None:
    """Where journal and anchors are of this test alone."""


@pytest.fixture
def guarded(trail: None) -> None:
    """With the triggers, as in every installation; they go with the test's transaction."""
    guard(connection)


def add(count: int, first: int = 0) -> None:
    """Records that differ from each other, each in a transaction of its own."""
    for number in range(first, first + count):
        record(
            Entry(
                Action.ACCESSED,
                actor=f"person{number % 7}",
                actor_kind=ActorKind.PERSON,
                address="10.1.2.3",
                patient_id=f"PAT{number % 5}",
                study_instance_uid=f"1.2.{number}",
                detail={"no": number, "ä": ["ö", None, True]},
            )
        )
