"""``kill -9`` of the worker that fetches, in the middle of a study: the next one goes on, and nothing comes twice."""

from pathlib import Path

import pytest

from tests.journeys.product import product, wait_until
from tests.spanner.fetch.holding import STUDY, a_study, get_archive

pytestmark = [pytest.mark.embedded, pytest.mark.journey]

ASK = """
from spanner.fetch.ask import fetch_study
from spanner.models import ConfigSource, Source, SpanningConfig
source = Source.objects.create(name="North", ae_title="PEER", host="127.0.0.1", port={port})
config = SpanningConfig.objects.create(name="all")
ConfigSource.objects.create(config=config, source=source)
fetch_study(config, "{study}", by="anna")
"""


def test_the_next_worker_goes_on(tmp_path: Path) -> None:
    files = a_study(tmp_path / "files", 6)
    with get_archive(files) as peer, product(tmp_path / "home") as gantry:
        peer.gate.clear()
        gantry.start()
        done = gantry.run("shell", "--no-imports", "-c", ASK.format(port=peer.port, study=STUDY))
        assert done.returncode == 0, done.stderr
        wait_until(lambda: gantry.count("SELECT count(*) FROM studies_instance") == 1, 60)
        gantry.kill_one("deliver,fetch")
        peer.gate.set()
        state = "SELECT state, last_error, instances_arrived FROM spanner_fetch"
        wait_until(lambda: gantry.query(state) == [("done", "", 6)], 180, lambda: gantry.query(state))
        assert gantry.count("SELECT count(*) FROM studies_instance WHERE fetched_from = 'North'") == 6
        assert peer.sent.count(peer.sent[0]) == 1
