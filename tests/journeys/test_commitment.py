"""A device stores, asks for proof and is told: with Orthanc as the device, and with workers killed on the way."""

import json
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dicomnet.commitment import ALL_COMMITTED, FAILURES_EXIST, FailureReason, Reference
from dicomnet.part10 import read_file_meta
from tests.journeys.dcmtk import orthanc
from tests.journeys.product import Product, free_port, product, wait_until
from tests.journeys.sender import write_instances
from tests.modality import Modality, modality

pytestmark = pytest.mark.journey
PATIENCE_SECONDS = 90
LEASE_SECONDS = 4 * 60  # twice that of a task, and what then comes
VICTIMS = ["-Q deliver", "runscp", "beat", "valkey", "-Q index", ""]  # words of the command line of who is killed


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Product]:
    with product(tmp_path / "home") as found:
        found.start()
        allow_commitment(found)
        yield found


def allow_commitment(running: Product) -> None:
    """Let loopback ask; the listener knows it within seconds."""
    code = "from dicomnet.models import AllowlistEntry; AllowlistEntry.objects.update(may_commit=True)"
    assert running.run("shell", "--no-imports", "-c", code).returncode == 0
    snapshot = running.home / "run" / "allowlist.json"
    wait_until(lambda: '"may_commit": true' in snapshot.read_text(), PATIENCE_SECONDS)


def add_node(running: Product, ae_title: str, port: int) -> None:
    """Say where a device listens."""
    code = (
        "from dicomnet.models import RemoteNode;"
        f"RemoteNode.objects.create(ae_title={ae_title!r}, host='127.0.0.1', port={port})"
    )
    assert running.run("shell", "--no-imports", "-c", code).returncode == 0


def reference(path: Path) -> Reference:
    with path.open("rb") as file:
        meta = read_file_meta(file)
    return Reference(meta.sop_class_uid, meta.sop_instance_uid)


def stored_file(running: Product, uid: str) -> Path:
    ((location,),) = running.query(f"SELECT location FROM studies_instance WHERE sop_instance_uid = '{uid}'")  # noqa: S608
    return running.home / "hot" / str(location)


@pytest.mark.peers
def test_orthanc_is_told_what_is_stored_and_what_is_damaged(tmp_path: Path, running: Product) -> None:
    node = {"AET": "GANTRY", "Host": "127.0.0.1", "Port": running.dicom_port, "AllowStorageCommitment": True}
    files = write_instances(tmp_path / "made", 4)
    with orthanc(tmp_path / "orthanc", DicomModalities={"gantry": node}) as (dicom_port, http_port):
        add_node(running, "ORTHANC", dicom_port)
        for path in files:
            post(http_port, "instances", path.read_bytes())
        post(http_port, "modalities/gantry/store", get(http_port, "instances"))

        assert commitment(http_port, files) == ("Success", 4, {})

        damaged, gone = (reference(path).sop_instance_uid for path in files[:2])
        path = stored_file(running, damaged)
        path.write_bytes(path.read_bytes()[:-1] + b"\x55")
        stored_file(running, gone).unlink()
        status, committed, failures = commitment(http_port, files)

    assert (status, committed) == ("Failure", 2)
    assert failures == {damaged: FailureReason.PROCESSING_FAILURE, gone: FailureReason.NO_SUCH_INSTANCE}


def commitment(http_port: int, files: list[Path]) -> tuple[str, int, dict[str, int]]:
    """Have Orthanc ask for these files and wait for what it is told: status, how many, failure reasons by UID."""
    wanted = [[reference(path).sop_class_uid, reference(path).sop_instance_uid] for path in files]
    asked = post(http_port, "modalities/gantry/storage-commitment", {"DicomInstances": wanted})
    address = f"storage-commitment/{asked['ID']}"
    wait_until(
        lambda: get(http_port, address)["Status"] != "Pending", PATIENCE_SECONDS, lambda: get(http_port, address)
    )
    told = get(http_port, address)
    failures = {item["SOPInstanceUID"]: int(item["FailureReason"]) for item in told["Failures"]}
    return told["Status"], len(told["Success"]), failures


def get(http_port: int, path: str) -> Any:
    with urllib.request.urlopen(f"http://127.0.0.1:{http_port}/{path}", timeout=30) as response:
        return json.load(response)


def post(http_port: int, path: str, body: Any) -> Any:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{http_port}/{path}", data)
    with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310
        return json.load(response)


def test_a_device_that_stays_is_told_on_its_association(tmp_path: Path, running: Product) -> None:
    files = write_instances(tmp_path / "made", 20)
    assert running.run("senddicom", *map(str, files)).returncode == 0
    device = Modality()
    with device.association(running.dicom_port) as assoc:
        assert device.request(assoc, [reference(path) for path in files]).Status == 0
        (came,) = device.wait_for(1)
    assert (came.on, came.event_type, len(came.committed)) == ("same", ALL_COMMITTED, 20)


@pytest.mark.peers
@pytest.mark.timeout(900)
def test_every_report_comes_when_workers_are_killed_and_the_device_is_away(tmp_path: Path, running: Product) -> None:
    files = write_instances(tmp_path / "made", 60)
    assert running.run("senddicom", *map(str, files)).returncode == 0
    missing = Reference(reference(files[0]).sop_class_uid, "1.2.3.404")
    uids = [f"1.2.9.{number}" for number in range(1, 7)]
    nobody = free_port()
    add_node(running, "CT1", nobody)
    device = Modality()
    for number, (uid, victim) in enumerate(
        zip(uids, ["-Q deliver", "runscp", "beat", "valkey", "-Q index", ""], strict=True)
    ):
        asked = [reference(path) for path in files[number * 10 : number * 10 + 10]]
        assert device.ask(running.dicom_port, [*asked, missing], uid) == 0
        if victim:
            running.kill_one(victim)
            wait_until(lambda: accepts(running), PATIENCE_SECONDS)
    # What the killed worker held is free again when its lease has run out.
    wait_until(lambda: counts(running, "attempts > 0") == len(uids), LEASE_SECONDS, lambda: rows(running))
    with modality() as back:
        code = f"from dicomnet.models import RemoteNode; RemoteNode.objects.update(port={back.port})"
        assert running.run("shell", "--no-imports", "-c", code).returncode == 0
        wait_until(lambda: counts(running, "state = 'reported'") == len(uids), LEASE_SECONDS, lambda: rows(running))
    assert {came.transaction_uid for came in back.reports} == set(uids)
    for came in back.reports:
        assert (came.event_type, len(came.committed)) == (FAILURES_EXIST, 10)
        assert came.failed == {missing: FailureReason.NO_SUCH_INSTANCE}


def counts(running: Product, condition: str) -> int:
    return running.count(f"SELECT count(*) FROM studies_commitment WHERE {condition}")  # noqa: S608


def rows(running: Product) -> object:
    return running.query("SELECT transaction_uid, state, attempts, last_error, next_attempt_at FROM studies_commitment")


def accepts(running: Product) -> bool:
    """The listener answers again."""
    command = ["echoscu", "-aec", "GANTRY", "127.0.0.1", str(running.dicom_port)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
