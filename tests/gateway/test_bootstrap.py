import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import bootstrap


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A checkout with lock files and a ``.venv`` whose Python is this one."""
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements" / "base.txt").write_text("django==5.2.19\n")
    (tmp_path / "requirements" / "dev.txt").write_text("django==5.2.19\npytest==9.2.0\n")
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").symlink_to(sys.executable)
    return tmp_path


def test_nothing_is_installed_without_a_stamp(root: Path) -> None:
    assert not bootstrap.is_installed("run", root)


def test_install_of_the_same_lock_file_is_not_repeated(root: Path) -> None:
    bootstrap._write_stamp("run", root)

    assert bootstrap.is_installed("run", root)
    assert not bootstrap.is_installed("dev", root)


def test_development_install_serves_run_as_well(root: Path) -> None:
    bootstrap._write_stamp("dev", root)

    assert bootstrap.is_installed("run", root)
    assert bootstrap.is_installed("dev", root)


def test_development_install_does_not_serve_run_with_another_lock_file(root: Path) -> None:
    bootstrap._write_stamp("dev", root)
    (root / "requirements" / "base.txt").write_text("django==5.2.20\n")

    assert not bootstrap.is_installed("run", root)


def test_changed_lock_file_is_installed_again(root: Path) -> None:
    bootstrap._write_stamp("run", root)
    (root / "requirements" / "base.txt").write_text("django==5.2.20\n")

    assert not bootstrap.is_installed("run", root)


def test_install_that_was_cut_off_is_not_trusted(root: Path) -> None:
    bootstrap._write_stamp("run", root)
    (root / ".venv" / "gantry-installing").touch()

    assert not bootstrap.is_installed("run", root)


@pytest.mark.parametrize("content", ["", "not json", "[]", '{"run": '])
def test_damaged_stamp_is_no_stamp(root: Path, content: str) -> None:
    (root / ".venv" / "gantry-installed.json").write_text(content)

    assert not bootstrap.is_installed("run", root)


def test_stamp_of_another_python_does_not_count(root: Path) -> None:
    bootstrap._write_stamp("run", root)
    stamp = root / ".venv" / "gantry-installed.json"
    stamp.write_text(json.dumps(json.loads(stamp.read_text()) | {"python": "3.10"}))

    assert not bootstrap.is_installed("run", root)


def test_venv_whose_python_was_removed_does_not_count(root: Path) -> None:
    bootstrap._write_stamp("run", root)
    (root / ".venv" / "bin" / "python").unlink()
    (root / ".venv" / "bin" / "python").symlink_to("/nowhere/python3.11")

    assert not bootstrap.is_installed("run", root)


def _fake_pip(root: Path, *, says: str, status: int) -> None:
    python = root / ".venv" / "bin" / "python"
    python.unlink()
    python.write_text(f"#!/bin/sh\n[ \"$1\" = -c ] && exec '{sys.executable}' \"$@\"\necho '{says}'\nexit {status}\n")
    python.chmod(0o755)


def test_pip_that_fails_leaves_no_stamp_and_shows_its_last_lines(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bootstrap._write_stamp("run", root)
    _fake_pip(root, says="ERROR: No matching distribution", status=1)

    with pytest.raises(bootstrap.SetUpError, match="pip could not install"):
        bootstrap.install("run", root)

    assert "No matching distribution" in capsys.readouterr().out
    assert not bootstrap.is_installed("run", root)
    assert not (root / ".venv" / "gantry-installing").exists()


def test_pip_that_fails_half_way_makes_the_next_start_begin_anew(root: Path) -> None:
    _fake_pip(root, says="Installing collected packages: django", status=1)

    with pytest.raises(bootstrap.SetUpError):
        bootstrap.install("run", root)

    assert (root / ".venv" / "gantry-installing").exists()


def test_pip_that_succeeds_leaves_a_stamp(root: Path) -> None:
    _fake_pip(root, says="Successfully installed", status=0)

    bootstrap.install("dev", root)

    assert bootstrap.is_installed("dev", root)
    assert bootstrap.is_installed("run", root)


def test_half_made_venv_is_made_anew(root: Path) -> None:
    (root / ".venv" / "gantry-installing").touch()
    (root / ".venv" / "rubbish").touch()

    bootstrap.make_venv(root)

    assert not (root / ".venv" / "rubbish").exists()
    assert not (root / ".venv" / "gantry-installing").exists()
    assert bootstrap._has_pip(bootstrap.venv_python(root))


def test_old_python_hands_over_to_a_newer_one_on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "python3.11").write_text("#!/bin/sh\nexit 127\n")
    (tmp_path / "python3.11").chmod(0o755)
    (tmp_path / "python3.12").write_text("#!/bin/sh\necho 3.12\n")
    (tmp_path / "python3.12").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))

    assert bootstrap.newer_python((3, 9)) == str(tmp_path / "python3.12")
    assert bootstrap.newer_python((3, 11)) is None


def test_no_new_python_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(bootstrap.SetUpError, match=r"Python 3\.11 or newer is needed, this is 3\.9"):
        bootstrap.newer_python((3, 9))


def test_python_without_venv_is_one_sentence_with_the_line_to_type(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / ".venv" / "gantry-installing").touch()
    monkeypatch.setattr(bootstrap, "_has_ensurepip", lambda: False)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    with pytest.raises(bootstrap.SetUpError, match=r"apt-get install -y python3\.\d+-venv"):
        bootstrap.make_venv(root)


def test_wrong_use_is_one_line() -> None:
    done = subprocess.run(
        [sys.executable, bootstrap.__file__, "install"], capture_output=True, text=True, check=False, env=os.environ
    )

    assert done.returncode == 1
    assert done.stderr == "usage: python3 bootstrap.py run|dev\n"
