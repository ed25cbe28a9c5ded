"""The demo against the whole product."""

import re
from pathlib import Path

import httpx
import pytest

from tests.dicomnet.lab.peers import data_set_sha256
from tests.journeys.product import free_port, product


@pytest.mark.embedded
@pytest.mark.journey
def test_demo_delivers_every_instance_and_can_run_again(tmp_path: Path) -> None:
    port = free_port()
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
            # Without a session a page that exists leads to the sign-in page, one that does not is 404.
            assert httpx.get(page, follow_redirects=True).status_code == 200


def as_hex(value: str | bytes) -> str:
    return value if isinstance(value, str) else bytes(value).hex()


@pytest.mark.embedded
@pytest.mark.journey
def test_demo_without_a_running_product_says_what_to_do(tmp_path: Path) -> None:
    with product(tmp_path / "home") as gantry:
        done = gantry.run("demo", "--once")

    assert done.returncode == 1
    assert "make run" in done.stderr
    assert "Traceback" not in done.stderr
