"""What one process of a host says for all: its figures, what changed, and the supervisor's signs of life."""

import os
import socket
from dataclasses import replace
from pathlib import Path

import pytest
from pytest_django import Settings

from gateway.env import Environment
from gateway.nodes.lights import Lights
from gateway.nodes.models import EventKind, Node, Process, SystemEvent
from gateway.nodes.outbox import MOST_WAITING, Outbox
from gateway.nodes.watch import Watch
from gateway.supervisor.child import Ended
from gateway.supervisor.journal import Journal
from studies.marks import Mark

pytestmark = pytest.mark.django_db


@pytest.fixture
def outbox(home: Environment) -> Outbox:
    return Outbox(home.run_dir)


def events() -> list[tuple[str, str]]:
    return [(event.subject, event.kind) for event in SystemEvent.objects.order_by("at")]


def test_one_process_of_a_host_has_the_watch(home: Environment) -> None:
    first, second = Watch(home), Watch(home)
    first.look()
    [node] = Node.objects.all()
    assert node.name == home.node_name
    assert node.cpu_count > 0
    assert node.memory_total_bytes > node.memory_used_bytes > 0
    assert [disk["label"] for disk in node.disks] == ["Home, hot store"]

    node.delete()
    second.look()

    assert not Node.objects.exists()


def test_what_the_supervisor_notes_becomes_rows_once(home: Environment, outbox: Outbox) -> None:
    journal = Journal(outbox)
    journal.started("web")
    journal.ended(Ended("web", "killed by signal 9 (Killed)", 1.0))
    journal.lives()
    kept = [path.read_bytes() for path, _ in outbox.waiting()]
    watch = Watch(home)

    watch.look()

    assert events() == [("web", "started"), ("web", "ended")]
    assert SystemEvent.objects.latest("at").words == "killed by signal 9 (Killed); it is started again in 1 s"
    [supervisor] = Process.objects.all()
    assert (supervisor.kind, supervisor.pid, supervisor.stopped_at) == ("supervisor", os.getpid(), None)
    assert list(outbox.waiting()) == []

    for number, content in enumerate(kept):
        (home.run_dir / "events" / f"{number}.json").write_bytes(content)
    journal.ends()
    watch.end()

    assert events() == [("web", "started"), ("web", "ended"), ("supervisor", "stopped")]
    supervisor.refresh_from_db()
    assert supervisor.stopped_at is not None


def test_the_file_of_a_supervisor_that_was_killed_is_no_sign_of_life(home: Environment, outbox: Outbox) -> None:
    outbox.supervisor_lives(pid=2**22 + 1, started_at=0, version="1", commit="", rss_bytes=1, is_stopping=False)

    Watch(home).look()

    assert not Process.objects.exists()


@pytest.mark.embedded
def test_the_outbox_bears_what_no_program_wrote_and_does_not_grow_without_end(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path)
    assert list(outbox.waiting()) == []
    assert outbox.supervisor() is None
    outbox.note("started", "web")
    for number in range(MOST_WAITING - 1):
        (tmp_path / "events" / f"x{number}.json").write_text("no event" if number % 2 else "[]")

    outbox.note("started", "one too many")

    assert [event.subject for _, event in outbox.waiting()] == ["web"]
    assert len(list((tmp_path / "events").iterdir())) == 1


@pytest.mark.embedded
def test_a_disk_that_fails_costs_the_event_only(tmp_path: Path) -> None:
    (tmp_path / "run").touch()
    outbox = Outbox(tmp_path / "run")

    outbox.note("started", "web")
    outbox.supervisor_lives(pid=1)

    assert list(tmp_path.iterdir()) == [tmp_path / "run"]


def test_a_light_that_goes_down_and_comes_back_is_noted_once_each(
    home: Environment, settings: Settings, outbox: Outbox
) -> None:
    server = socket.create_server(("127.0.0.1", 0))
    port = server.getsockname()[1]
    settings.GANTRY = replace(home, dicom_bind=("127.0.0.1", port), broker_url="redis+socket:///nowhere")
    lights = Lights("here", outbox)
    lights.look()
    server.close()
    lights.look()
    lights.look()
    assert noted(outbox) == [("Receiver", EventKind.LIGHT_BAD)]
    SystemEvent.objects.create(
        at="2026-01-01T00:00:00Z", node="here", kind=EventKind.LIGHT_BAD, subject="Receiver", words=""
    )

    with socket.create_server(("127.0.0.1", port)):
        lights.look()
        Lights("here", outbox).look()  # of the process that has the watch next
        Lights("elsewhere", outbox).look()

    assert noted(outbox)[1:] == [("Receiver", EventKind.LIGHT_OK)] * 2


def test_a_disk_under_suspicion_is_noted(home: Environment, outbox: Outbox) -> None:
    lights = Lights("here", outbox)
    lights.look()

    Mark(home.run_dir / "spool.suspect").set("an error of the disk")
    lights.look()

    assert ("Disk", EventKind.LIGHT_BAD) in noted(outbox)


def noted(outbox: Outbox) -> list[tuple[str, str]]:
    return [(event.subject, event.kind) for _, event in outbox.waiting()]
