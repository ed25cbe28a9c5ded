"""How processes do by what they last wrote, as a table; and how hosts and versions add up."""

from datetime import UTC, datetime, timedelta

import pytest

from gateway.nodes.clear import clear
from gateway.nodes.models import Node, Process, SystemEvent
from gateway.nodes.selectors import board, running_versions
from gateway.nodes.states import State, states_of
from tests.factories import NodeFactory, ProcessFactory, SystemEventFactory

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def process(
    pk: int, *, appeared: int, seen: int, name: str = "scp", node: int = 1, is_stopped: bool = False
) -> Process:
    """Moments in seconds before now."""
    at = NOW - timedelta(seconds=seen)
    appeared_at = NOW - timedelta(seconds=appeared)
    stopped_at = at if is_stopped else None
    return Process(pk=pk, node_id=node, name=name, appeared_at=appeared_at, seen_at=at, stopped_at=stopped_at)


@pytest.mark.embedded
@pytest.mark.parametrize(
    ("processes", "states"),
    [
        ([process(1, appeared=900, seen=10)], "running"),
        ([process(1, appeared=900, seen=45)], "running"),
        ([process(1, appeared=900, seen=46)], "gone"),
        ([process(1, appeared=900, seen=800, is_stopped=True)], "stopped"),
        ([process(1, appeared=900, seen=100), process(2, appeared=90, seen=5)], "replaced running"),
        ([process(1, appeared=900, seen=100), process(2, appeared=900, seen=5)], "gone running"),
        ([process(1, appeared=900, seen=100), process(2, appeared=90, seen=5, name="web")], "gone running"),
        ([process(1, appeared=900, seen=100), process(2, appeared=90, seen=5, node=2)], "gone running"),
        (
            [
                process(1, appeared=900, seen=100),
                process(2, appeared=900, seen=100),
                process(3, appeared=90, seen=5),
            ],
            "replaced gone running",
        ),
        (
            [process(1, appeared=900, seen=500), process(2, appeared=490, seen=200), process(3, appeared=190, seen=60)],
            "replaced replaced gone",
        ),
        ([process(1, appeared=900, seen=-3600)], "running"),
    ],
)
def test_state_of_each_process(processes: list[Process], states: str) -> None:
    found = states_of(processes, NOW)

    assert [str(found[each.pk]) for each in processes] == states.split()


@pytest.mark.django_db
def test_a_host_whose_processes_were_stopped_is_stopped_and_one_that_lost_all_is_gone() -> None:
    stopped, lost = NodeFactory.create(name="a", age_seconds=500), NodeFactory.create(name="b", age_seconds=500)
    ProcessFactory.create(node=stopped, age_seconds=500, is_stopped=True)
    ProcessFactory.create(node=lost, age_seconds=500)
    NodeFactory.create(name="c")

    assert [(view.node.name, view.state, view.is_measured) for view in board()] == [
        ("a", State.STOPPED, False),
        ("b", State.GONE, False),
        ("c", State.STOPPED, True),
    ]


@pytest.mark.django_db
def test_what_runs_other_code_than_the_last_started_is_marked() -> None:
    node = NodeFactory.create()
    ProcessFactory.create(node=node, name="web", commit="0" * 12, uptime_seconds=900)
    ProcessFactory.create(node=node, name="beat", commit="1" * 12, uptime_seconds=60)
    ProcessFactory.create(node=node, name="scp", commit="2" * 12, uptime_seconds=30, age_seconds=600)

    [view] = board()

    assert {each.process.name: each.is_other_version for each in view.processes} == {
        "web": True,
        "beat": False,
        "scp": False,
    }
    assert len(running_versions([view])) == 2


@pytest.mark.django_db
def test_only_the_last_that_ended_are_shown() -> None:
    node = NodeFactory.create()
    for number in range(9):
        ProcessFactory.create(node=node, age_seconds=100 + number, is_stopped=True)
    running = ProcessFactory.create(node=node)

    [view] = board()

    assert view.processes[0].process == running
    assert [round(each.age_seconds) for each in view.processes[1:]] == [100, 101, 102, 103, 104]


@pytest.mark.django_db
def test_yesterday_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.nodes.clear.MOST_EVENTS", 3)
    day = 24 * 3600
    old, kept = NodeFactory.create(age_seconds=day + 9), NodeFactory.create(age_seconds=day + 9)
    ProcessFactory.create(node=old, age_seconds=day + 9)
    recent = ProcessFactory.create(node=kept, age_seconds=day - 9)
    events = [SystemEventFactory.create() for _ in range(5)]

    clear()

    assert list(Node.objects.all()) == [kept]
    assert list(Process.objects.all()) == [recent]
    assert set(SystemEvent.objects.all()) == set(events[-3:])
