"""Associations that a peer has from all processes together."""

import subprocess
import sys
from pathlib import Path

from dicomnet.scu.places import take_place


def test_no_more_places_than_there_are_and_one_that_is_left_is_free(tmp_path: Path) -> None:
    first, second = take_place(tmp_path / "moves", "peer", 2), take_place(tmp_path / "moves", "peer", 2)
    assert first is not None
    assert second is not None
    assert take_place(tmp_path / "moves", "peer", 2) is None
    assert take_place(tmp_path / "moves", "other", 1) is not None
    with first:
        pass
    assert take_place(tmp_path / "moves", "peer", 2) is not None


def test_a_process_that_is_killed_leaves_its_place(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib; from dicomnet.scu.places import take_place; "
        "place = take_place(pathlib.Path(sys.argv[1]), 'peer', 1); print(place is not None, flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "True\n"
        assert take_place(tmp_path, "peer", 1) is None
        other.kill()
        other.wait()
    assert take_place(tmp_path, "peer", 1) is not None
