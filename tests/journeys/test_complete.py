"""A study that waits to be complete: ``kill -9`` between complete and plan, and a restart in between, lose nothing."""

from pathlib import Path

import pytest

from dicomnet.scu.association import Peer
from tests.journeys.dcmtk import storescp
from tests.journeys.product import Product, product, wait_until
from tests.journeys.sender import Sender, write_instances

pytestmark = [pytest.mark.journey, pytest.mark.peers]
COUNT = 24
LATE = 3
DELIVERED = "SELECT count(*) FROM routing_delivery WHERE state = 'delivered'"
LEDGER = "SELECT count(*) FROM routing_delivery"


def send(running: Product, files: list[Path]) -> None:
    peer = Peer("GANTRY", "127.0.0.1", running.dicom_port, "MODALITY", dimse_timeout_seconds=10)
    sender = Sender(peer, files)
    sender.start().join(120)
    assert len(sender.acknowledged) == len(files)


def make_rule(running: Product, port: int) -> None:
    code = f"""
from routing.models import Destination, Rule
from routing.rules import save_rule
pacs = Destination.objects.create(name="PACS", ae_title="PACS", host="127.0.0.1", port={port})
save_rule(Rule(name="whole studies", scope="study"), destinations=[pacs])
"""
    done = running.run("shell", "--no-imports", "-c", code)
    assert done.returncode == 0, done.stderr


def test_a_kill_between_complete_and_plan_loses_nothing(tmp_path: Path) -> None:
    files = write_instances(tmp_path / "made", COUNT + LATE, studies=1)
    with storescp(tmp_path / "pacs") as pacs, product(tmp_path / "home", GANTRY_STABLE_SECONDS="3") as running:
        running.start()
        make_rule(running, pacs)
        send(running, files[:COUNT])
        counted = "SELECT count(*) FROM studies_instance WHERE planned_at IS NOT NULL"
        wait_until(lambda: running.count(counted) == COUNT, 60)
        running.kill()  # its children go with it: nobody is left who knows of the study but the rows
        assert running.count(LEDGER) == 0
        # Complete by its row and not decided on: what a worker leaves that is killed between the two.
        mark = "from studies.stability import complete_quiet; complete_quiet(0)"
        assert running.run("shell", "--no-imports", "-c", mark).returncode == 0
        undecided = "SELECT count(*) FROM studies_study WHERE completed_at IS NOT NULL AND decided_at IS NULL"
        assert running.count(undecided) == 1
        running.start()
        wait_until(lambda: running.count(DELIVERED) == COUNT, 60, lambda: running.query(LEDGER))
        running.kill_one("-Q plan")
        send(running, files[COUNT:])
        wait_until(lambda: running.count(DELIVERED) == COUNT + LATE, 90, lambda: running.query(LEDGER))
        assert running.count(LEDGER) == COUNT + LATE
        assert len(list((tmp_path / "pacs").iterdir())) == COUNT + LATE
