"""Faults on demand: typed, kept in a file, read cheaply, and only where they are allowed."""

import time
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from dicomnet.faults import LOOK_SECONDS, NAMES, BadFault, FaultFile, Faults, fault_file
from gateway.env import Environment


def test_what_is_injected_stands_beside_what_was_and_survives_a_restart(tmp_path: Path) -> None:
    file = FaultFile(tmp_path / "run" / "faults.json")
    assert file.read() == Faults()

    file.inject("io_delay_ms", "200")
    file.inject("random_fail_rate", "0.25")
    file.inject("reject_all", "")

    assert FaultFile(tmp_path / "run" / "faults.json").current() == Faults(True, False, 200, 0.25)
    assert file.read().names() == ["reject_all", "io_delay_ms 200", "random_fail_rate 0.25"]
    assert file.clear().reject_all
    assert file.read() == Faults()
    assert list((tmp_path / "run").iterdir()) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("reject_all", "0"),
        ("io_delay_ms", ""),
        ("io_delay_ms", "-1"),
        ("io_delay_ms", "99999999"),
        ("random_fail_rate", "1.5"),
        ("random_fail_rate", "nan"),
        ("random_fail_rate", ""),
        ("unplug", ""),
    ],
)
def test_a_value_that_makes_no_sense_is_refused(tmp_path: Path, name: str, value: str) -> None:
    file = FaultFile(tmp_path / "faults.json")

    with pytest.raises(BadFault):
        file.inject(name, value)
    assert file.read() == Faults()


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"unplug": 1}', '{"io_delay_ms": -5}', '{"reject_all": {}}'])
def test_a_file_that_is_none_of_ours_injects_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "faults.json").write_text(text)

    assert FaultFile(tmp_path / "faults.json").read() == Faults()


def test_the_file_is_not_looked_at_for_each_instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    file = FaultFile(tmp_path / "faults.json")
    assert file.current() == Faults()
    FaultFile(tmp_path / "faults.json").inject("disk_full", "")

    assert file.current() == Faults()
    now[0] += LOOK_SECONDS
    assert file.current() == Faults(disk_full=True)


def test_commands_inject_and_clear_where_it_is_allowed(home: Environment, settings: Settings) -> None:
    settings.GANTRY = replace(home, faults=NAMES)
    out = StringIO()

    call_command("injectfault", "io_delay_ms", "50", stdout=out)
    assert "Fault injection is on: io_delay_ms 50." in out.getvalue()
    with pytest.raises(CommandError, match="needs milliseconds"):
        call_command("injectfault", "io_delay_ms", "soon")
    call_command("clearfaults", stdout=out)
    assert "Ended: io_delay_ms 50." in out.getvalue()
    assert fault_file().read() == Faults()


@pytest.mark.parametrize("allowed", [(), ("disk_full",)])
def test_what_is_not_allowed_is_not_injected(home: Environment, settings: Settings, allowed: tuple[str, ...]) -> None:
    settings.GANTRY = replace(home, faults=allowed)

    with pytest.raises(CommandError, match="reject_all is not allowed here"):
        call_command("injectfault", "reject_all")
    assert fault_file().read() == Faults()
