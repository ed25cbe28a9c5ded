"""The demo against the whole product."""

import re
import socket
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.dicomnet.lab.peers import data_set_sha256
from tests.journeys.product import product


@pytest.mark.journey
def test_demo_delivers_every_instance_and_can_run_again(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with product(tmp_path / "home") as gantry:
        gantry.start()
        for run in (1, 2):
            done = gantry.run("demo", "--once", "--pacs-port", str(port))

            assert done.returncode == 0, done.stdout + done.stderr
            total = int(re.findall(r"delivered to Demo PACS: (\d+) of \1", done.stdout)[-1])
            held = list((gantry.home / "lab" / "demopacs").glob("*.dcm"))
            assert len(held) == run * total == gantry.count("SELECT count(*) FROM routing_delivery")

        stored = {row[0] for row in gantry.query("SELECT sha256 FROM studies_instance")}
        assert {data_set_sha256(path) for path in held} == {as_hex(value) for value in stored}
        assert gantry.count("SELECT count(*) FROM routing_ruleversion") == 1
        for page in re.findall(r"http://\S+", done.stdout):
            assert status_of(page) == 200


def as_hex(value: str | bytes) -> str:
    return value if isinstance(value, str) else bytes(value).hex()


def status_of(page: str) -> int:
    """Of the page, or of the sign-in page that it leads to."""
    try:
        with urllib.request.urlopen(page, timeout=20) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


@pytest.mark.journey
def test_demo_without_a_running_product_says_what_to_do(tmp_path: Path) -> None:
    with product(tmp_path / "home") as gantry:
        done = gantry.run("demo", "--once")

    assert done.returncode == 1
    assert "make run" in done.stderr
    assert "Traceback" not in done.stderr
