"""Workers in a network of their own reach Gantry and not the PACS, as docs/ai.md sets it up."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

MANAGE = Path(__file__).resolve().parents[3] / "manage.py"
PORT = 11112
ASK = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=2).close()"
AI_GATEWAY, AI_WORKER = "10.209.9.1", "10.209.9.2"
PACS_GATEWAY, PACS = "10.209.1.1", "10.209.1.2"


def _why_not() -> str:
    if sys.platform != "linux" or os.geteuid() != 0:
        return "needs root on Linux"
    if shutil.which("ip") is None:
        return "needs ip: apt-get install iproute2"
    probe = subprocess.run(["ip", "netns", "add", f"gprobe{os.getpid()}"], capture_output=True, check=False)
    if probe.returncode:
        return "this machine allows no network namespaces"
    subprocess.run(["ip", "netns", "del", f"gprobe{os.getpid()}"], check=True)
    return ""


WHY_NOT = _why_not()
pytestmark = pytest.mark.skipif(bool(WHY_NOT), reason=f"network namespaces: {WHY_NOT}")


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


@dataclass(frozen=True)
class Place:
    """A host: a network namespace of its own."""

    name: str

    def command(self, *command: str) -> list[str]:
        return ["ip", "netns", "exec", self.name, *command]

    def reaches(self, host: str, port: int = PORT) -> bool:
        done = subprocess.run(
            self.command(sys.executable, "-c", ASK, host, str(port)), capture_output=True, check=False, timeout=30
        )
        return done.returncode == 0

    def run(self, *command: str) -> None:
        subprocess.run(self.command(*command), check=True, capture_output=True)


@contextmanager
def place(name: str) -> Iterator[Place]:
    found = Place(f"g{name}{os.getpid()}")
    ip("netns", "add", found.name)
    try:
        found.run("ip", "link", "set", "lo", "up")
        yield found
    finally:
        ip("netns", "del", found.name)


def cable(one: Place, one_address: str, other: Place, other_address: str) -> None:
    """A network of two hosts."""
    name = one_address.replace(".", "")[-6:]
    ip("link", "add", f"a{name}", "netns", one.name, "type", "veth", "peer", "name", f"b{name}", "netns", other.name)
    for end, device, address in ((one, f"a{name}", one_address), (other, f"b{name}", other_address)):
        end.run("ip", "address", "add", f"{address}/24", "dev", device)
        end.run("ip", "link", "set", device, "up")


@contextmanager
def simulated(where: Place, home: Path, *command: str) -> Iterator[None]:
    """A node of the lab in a place; ready with its first line."""
    environment = os.environ | {"GANTRY_HOME": str(home), "DJANGO_SETTINGS_MODULE": "gateway.settings.base"}
    process = subprocess.Popen(
        where.command(sys.executable, str(MANAGE), *command), stdout=subprocess.PIPE, text=True, env=environment
    )
    assert process.stdout is not None
    try:
        assert "listens on" in process.stdout.readline()
        yield
    finally:
        process.terminate()
        process.communicate(timeout=20)


@dataclass(frozen=True)
class Network:
    gateway: Place
    worker: Place
    pacs: Place


@pytest.fixture
def network(tmp_path: Path) -> Iterator[Network]:
    """Gantry between two networks, as deployed: it forwards nothing. Its listener is played by a storing node."""
    with ExitStack() as stack:
        gateway, worker, pacs = (stack.enter_context(place(name)) for name in ("gw", "ai", "pacs"))
        cable(gateway, AI_GATEWAY, worker, AI_WORKER)
        cable(gateway, PACS_GATEWAY, pacs, PACS)
        for host, title, where in (
            ("0.0.0.0", "GANTRY", gateway),  # noqa: S104 (in a namespace of the test)
            (PACS, "PACS", pacs),
        ):
            flags = ("--host", host, "--port", str(PORT), "--ae-title", title, "--folder", str(tmp_path / title))
            stack.enter_context(simulated(where, tmp_path, "simulatepacs", *flags))
        flags = ("--host", AI_WORKER, "--port", str(PORT), "--gateway-host", AI_GATEWAY, "--gateway-port", str(PORT))
        stack.enter_context(simulated(worker, tmp_path, "simulateaiworker", *flags))
        yield Network(gateway, worker, pacs)


def test_a_worker_reaches_gantry_and_not_the_pacs(network: Network) -> None:
    assert network.gateway.reaches(PACS)
    assert network.gateway.reaches(AI_WORKER)
    assert network.worker.reaches(AI_GATEWAY)

    assert not network.worker.reaches(PACS)
    assert not network.pacs.reaches(AI_WORKER)


def test_a_worker_that_takes_gantry_for_its_router_gets_no_further(network: Network) -> None:
    for where, router in ((network.worker, AI_GATEWAY), (network.pacs, PACS_GATEWAY)):
        where.run("ip", "route", "add", "default", "via", router)

    assert network.worker.reaches(AI_GATEWAY)
    assert not network.worker.reaches(PACS)


def test_the_test_would_see_a_way_through(network: Network) -> None:
    """Were forwarding on, the same question would be answered: the refusal above is the network's, not the test's."""
    for where, router in ((network.worker, AI_GATEWAY), (network.pacs, PACS_GATEWAY)):
        where.run("ip", "route", "add", "default", "via", router)
    network.gateway.run("sysctl", "-w", "net.ipv4.ip_forward=1")

    assert network.worker.reaches(PACS)
