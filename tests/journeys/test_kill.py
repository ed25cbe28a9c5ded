"""``kill -9`` of each process in the middle of the stream: nothing that was acknowledged is lost or doubled."""

import hashlib
import signal
import time
from pathlib import Path

import psutil
import pytest

from dicomnet.scu.association import Peer
from tests.journeys.dcmtk import data_set_of, storescp
from tests.journeys.product import Product, product, wait_until
from tests.journeys.sender import PATIENT_NAME, Sender, write_instances

pytestmark = [pytest.mark.journey, pytest.mark.peers]
COUNT = 2_000
# Words of each process's command line, in the order in which they are killed.
VICTIMS = ["runscp", "-Q index", "-Q deliver", "gunicorn", "beat", "valkey", "-Q index", "runscp"]


def peer_of(running: Product) -> Peer:
    return Peer("GANTRY", "127.0.0.1", running.dicom_port, "MODALITY", dimse_timeout_seconds=10)


def expect_all(running: Product, sender: Sender, sink: Path, count: int) -> None:
    """Each acknowledged instance is stored and indexed once with its bytes, and was delivered at least once."""
    assert len(sender.acknowledged) == count
    rows = running.query("SELECT sop_instance_uid, sha256, location FROM studies_instance")
    assert {uid: sha256 for uid, sha256, _ in rows} == sender.acknowledged
    assert len(rows) == count
    for uid, _, location in rows:
        content = data_set_of(running.home / "hot" / location)
        assert hashlib.sha256(content).hexdigest() == sender.acknowledged[uid]
    delivered = {hashlib.sha256(data_set_of(path)).hexdigest() for path in sink.iterdir()}
    assert delivered == set(sender.acknowledged.values())
    states = dict(running.query("SELECT state, count(*) FROM routing_delivery GROUP BY state"))
    assert states == {"delivered": count}
    counted = running.count("SELECT sum(number_of_study_related_instances) FROM studies_study")
    assert counted == count
    files = [path for path in (running.home / "hot").rglob("*") if path.is_file()]
    assert len(files) == count
    assert not list((running.home / "spool" / "new").rglob("*.dcm"))
    assert not list((running.home / "spool" / "tmp").iterdir())


def is_delivered(running: Product, count: int) -> bool:
    return running.count("SELECT count(*) FROM routing_delivery WHERE state = 'delivered'") >= count


def test_nothing_is_lost_when_any_process_is_killed(tmp_path: Path) -> None:
    files = write_instances(tmp_path / "made", COUNT)
    with storescp(tmp_path / "pacs") as pacs, product(tmp_path / "home") as running:
        running.start()
        running.configure(destinations={"PACS": ("PACS", pacs)})
        sender = Sender(peer_of(running), files)
        thread = sender.start()
        for number, words in enumerate(VICTIMS, 1):
            due = number * COUNT // (len(VICTIMS) + 1)
            wait_until(lambda due=due: len(sender.acknowledged) >= due, 120)  # type: ignore[misc]
            wait_until(lambda words=words: bool(running.processes(words)), 60)  # type: ignore[misc]
            running.kill_one(words)
        thread.join(120)
        wait_until(lambda: is_delivered(running, COUNT), 120, lambda: running.query(STATES))
        expect_all(running, sender, tmp_path / "pacs", COUNT)
        expect_no_patient_data_in_logs(running)


STATES = "SELECT state, last_error, count(*) FROM routing_delivery GROUP BY state, last_error"


def expect_no_patient_data_in_logs(running: Product) -> None:
    logs = list((running.home / "log").iterdir())
    assert logs
    for log in logs:
        text = log.read_text(errors="replace")
        assert "ZZCANARY" not in text, log
        assert PATIENT_NAME not in text


def test_nothing_is_lost_when_the_supervisor_is_killed(tmp_path: Path) -> None:
    count = 400
    files = write_instances(tmp_path / "made", count)
    with storescp(tmp_path / "pacs") as pacs, product(tmp_path / "home") as running:
        running.start()
        running.configure(destinations={"PACS": ("PACS", pacs)})
        sender = Sender(peer_of(running), files)
        thread = sender.start()
        wait_until(lambda: len(sender.acknowledged) >= count // 2, 60)
        assert running.process is not None
        family = psutil.Process(running.process.pid).children(recursive=True)
        running.kill()
        gone, alive = psutil.wait_procs(family, timeout=10)
        assert not alive
        assert len(gone) > 5
        running.start()
        thread.join(120)
        wait_until(lambda: is_delivered(running, count), 120, lambda: running.query(STATES))
        expect_all(running, sender, tmp_path / "pacs", count)


def error_of(running: Product, destination: str) -> str:
    """What the destination's page says of its last failure."""
    rows = running.query(f"SELECT last_error FROM routing_destination WHERE name = '{destination}'")  # noqa: S608
    return str(rows[0][0])


def test_a_destination_that_is_down_delays_nobody_and_catches_up(tmp_path: Path) -> None:
    count = 60
    files = write_instances(tmp_path / "made", count)
    late = tmp_path / "late"
    with storescp(tmp_path / "pacs") as pacs, product(tmp_path / "home") as running:
        with storescp(late) as late_port:
            pass  # now we have a port on which nobody listens
        running.start()
        running.configure(destinations={"PACS": ("PACS", pacs), "Late": ("PACS", late_port)})
        sender = Sender(peer_of(running), files)
        began = time.monotonic()
        sender.start().join(60)
        wait_until(lambda: is_delivered(running, count), 30)
        healthy_seconds = time.monotonic() - began
        assert running.count("SELECT count(*) FROM routing_delivery WHERE state IN ('pending', 'sending')") == count
        wait_until(lambda: "nobody listens there" in error_of(running, "Late"), 10, lambda: error_of(running, "Late"))
        assert healthy_seconds < 30
        with storescp(late, late_port):
            wait_until(lambda: is_delivered(running, 2 * count), 90, lambda: running.query(STATES))
        assert {hashlib.sha256(data_set_of(path)).hexdigest() for path in late.iterdir()} == set(
            sender.acknowledged.values()
        )


def test_ctrl_c_ends_everything(tmp_path: Path) -> None:
    with product(tmp_path / "home") as running:
        running.start()
        assert running.process is not None
        family = psutil.Process(running.process.pid).children(recursive=True)
        running.process.send_signal(signal.SIGINT)
        assert running.process.wait(30) == 0
        assert not psutil.wait_procs(family, timeout=2)[1]
