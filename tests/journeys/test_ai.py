"""``kill -9`` of what asks AI workers, and of a worker: each study is answered, and the archive has it all."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dicomnet.scu.association import Peer
from gateway.env import BASE_DIR
from tests.journeys.dcmtk import storescp
from tests.journeys.product import Product, product, wait_until
from tests.journeys.sender import Sender, write_instances
from tests.journeys.test_kill import expect_no_patient_data_in_logs

pytestmark = [pytest.mark.journey, pytest.mark.peers]
COUNT, STUDIES = 120, 6
PATIENCE_SECONDS = 150
STATES = "SELECT state, last_error, count(*) FROM routing_airequest GROUP BY state, last_error"
DELIVERED = "SELECT count(*) FROM routing_delivery WHERE state = 'delivered'"
LEDGER = "SELECT state, count(*) FROM routing_delivery GROUP BY state"


@contextmanager
def node(running: Product, title: str, *flags: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    command = [sys.executable, "manage.py", "simulateaiworker", "--ae-title", title, "--port", "0", *flags]
    process = subprocess.Popen(command, cwd=BASE_DIR, env=running.environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield process, int(process.stdout.readline().split("127.0.0.1:")[1].split()[0])
    finally:
        process.kill()
        process.communicate(timeout=20)


def configure(running: Product, pacs: int, ports: dict[str, int]) -> None:
    """Everything to the PACS and to a pool of these nodes, whose results go to the PACS."""
    code = f"""
from routing.models import AIPool, AIWorker, Destination, Rule
from routing.rules import save_rule
pacs = Destination.objects.create(name="PACS", ae_title="PACS", host="127.0.0.1", port={pacs})
pool = AIPool.objects.create(name="Pool", maximum_attempts=10)
pool.result_destinations.add(pacs)
for title, port in {ports!r}.items():
    AIWorker.objects.create(pool=pool, name=title, ae_title=title, host="127.0.0.1", port=port, timeout_seconds=10)
save_rule(Rule(name="everything"), destinations=[pacs], ai_pools=[pool])
"""
    done = running.run("shell", "--no-imports", "-c", code)
    assert done.returncode == 0, done.stderr


def test_studies_are_answered_though_processes_are_killed(tmp_path: Path) -> None:
    files = write_instances(tmp_path / "made", COUNT, studies=STUDIES)
    sink = tmp_path / "pacs"
    with storescp(sink) as pacs, product(tmp_path / "home") as running:
        running.start()
        with node(running, "AI_ONE", "--result", "sc") as (first, one), node(running, "AI_TWO") as (_, two):
            configure(running, pacs, {"AI_ONE": one, "AI_TWO": two})
            Sender(Peer("GANTRY", "127.0.0.1", running.dicom_port, "MODALITY"), files).start().join(60)
            wait_until(lambda: running.count("SELECT count(*) FROM routing_airequest WHERE attempts > 0") > 0, 60)
            running.kill_one("-Q ai")
            first.kill()
            wait_until(lambda: is_answered(running), PATIENCE_SECONDS, lambda: running.query(STATES))
            believed = running.count("SELECT count(*) FROM routing_airesult WHERE verdict IN ('accepted', 'late')")
            # The file is at the PACS before the ledger says so, hence both are waited for in the ledger.
            wait_until(lambda: running.count(DELIVERED) == COUNT + believed, 60, lambda: running.query(LEDGER))
        assert believed >= STUDIES
        assert len(list(sink.iterdir())) == COUNT + believed
        doubles = "SELECT count(*) FROM routing_delivery GROUP BY instance_id HAVING count(*) > 1"
        assert running.query(doubles) == []
        assert running.query(LEDGER) == [("delivered", COUNT + believed)]
        expect_no_patient_data_in_logs(running)


def is_answered(running: Product) -> bool:
    """Every study was answered, and nothing is open or to be judged."""
    answered = "SELECT count(DISTINCT study_id) FROM routing_airequest WHERE state = 'answered'"
    open_ones = "SELECT count(*) FROM routing_airequest WHERE state <> 'answered'"
    unjudged = "SELECT count(*) FROM routing_airesult WHERE verdict = 'waiting'"
    return running.count(answered) == STUDIES and not running.count(open_ones) and not running.count(unjudged)
