"""Liveness and readiness, with each dependency there and away."""

import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import pytest
from django.db import OperationalError
from django.test import Client
from pytest_django import Settings

from dicomnet.faults import NAMES, fault_file
from gateway.env import Environment
from gateway.health import checks
from gateway.supervisor.valkey import answers_ping, valkey_program
from studies.dimse import local_spool
from tests.factories import UserFactory
from tests.peers import refused_port

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A real Valkey, as the supervisor starts it."""
    folder = tmp_path_factory.mktemp("valkey")
    program = valkey_program(socket_path=folder / "valkey.sock", data_dir=folder, stop_turn=0)
    with subprocess.Popen(program.command, stdout=subprocess.DEVNULL) as server:
        deadline = time.monotonic() + 10
        while not answers_ping(folder / "valkey.sock"):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        yield folder / "valkey.sock"
        server.terminate()


@pytest.fixture
def receiver() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def installation(home: Environment, settings: Settings, broker: Path, receiver: int) -> Settings:
    """Everything there."""
    settings.GANTRY = replace(
        settings.GANTRY,
        broker_url=f"redis+socket://{broker}",
        dicom_bind=("0.0.0.0", receiver),  # noqa: S104
    )
    return settings


def states() -> dict[str, bool]:
    return {check.name: check.is_ok for check in checks()}


def test_all_is_well(installation: Settings) -> None:
    assert states() == {"database": True, "broker": True, "spool": True, "receiver": True}
    assert all(check.words.endswith(".") for check in checks())


def test_a_port_that_nobody_listens_on(installation: Settings) -> None:
    installation.GANTRY = replace(installation.GANTRY, dicom_bind=("127.0.0.1", refused_port()))

    assert states()["receiver"] is False


def test_the_port_for_tls_is_asked_when_there_is_one(installation: Settings, receiver: int) -> None:
    installation.GANTRY = replace(installation.GANTRY, dicom_tls_bind=("127.0.0.1", receiver))
    assert states()["receiver_tls"] is True
    assert [check.label for check in checks()][-2:] == ["Receiver", "Receiver over TLS"]
    installation.GANTRY = replace(installation.GANTRY, dicom_tls_bind=("127.0.0.1", refused_port()))
    assert states()["receiver_tls"] is False


@pytest.mark.parametrize(
    "scheme", ["redis+socket:///nowhere.sock", "redis://127.0.0.1:{}/0", "amqp://u:p@127.0.0.1:{}//"]
)
def test_a_broker_that_is_away(installation: Settings, scheme: str) -> None:
    installation.GANTRY = replace(installation.GANTRY, broker_url=scheme.format(refused_port()))

    assert states()["broker"] is False


def test_a_spool_that_cannot_be_made(installation: Settings, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    installation.GANTRY = replace(installation.GANTRY, home=tmp_path / "file")

    assert states()["spool"] is False


def test_a_spool_that_went_away(installation: Settings) -> None:
    assert states()["spool"] is True

    local_spool().root.rename(local_spool().root.with_name("elsewhere"))

    assert states()["spool"] is False


def test_a_spool_whose_disk_is_nearly_full(installation: Settings) -> None:
    installation.GANTRY = replace(installation.GANTRY, spool_high_percent=0)

    (spool,) = [check for check in checks() if check.name == "spool"]

    assert not spool.is_ok
    assert "instances are refused" in spool.words


def test_a_database_that_is_away(installation: Settings) -> None:
    with patch("gateway.health.connection.cursor", side_effect=OperationalError("password=hunter2 host=db")):
        (database,) = [check for check in checks() if check.name == "database"]

    assert not database.is_ok
    assert "hunter2" not in database.words


def test_ready(installation: Settings, client: Client) -> None:
    response = client.get("/readyz")

    assert response.status_code == 200
    assert response.json()["status"] == "ready"
    assert set(response.json()["checks"]) == {"database", "broker", "spool", "receiver"}
    assert "no-store" in response["Cache-Control"]


def test_not_ready_says_what_is_missing_and_no_secret(installation: Settings, client: Client) -> None:
    installation.GANTRY = replace(installation.GANTRY, broker_url=f"redis://user:hunter2@127.0.0.1:{refused_port()}/0")

    response = client.get("/readyz")

    assert response.status_code == 503
    assert response.json()["checks"]["broker"]["ok"] is False
    assert "hunter2" not in response.content.decode()


@pytest.mark.django_db(databases=[])
def test_alive_asks_nobody(client: Client) -> None:
    response = client.get("/livez")

    assert (response.status_code, response.content) == (200, b"ok")
    assert client.post("/livez").status_code == 405


def test_injected_faults_are_not_ready_and_on_every_page(installation: Settings, client: Client) -> None:
    installation.GANTRY = replace(installation.GANTRY, faults=NAMES)
    assert states()["faults"]
    assert "Fault injection" not in client.get("/sign-in/").content.decode()

    fault_file().inject("io_delay_ms", "50")

    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert "clearfaults" in answer.json()["checks"]["faults"]["words"]
    client.force_login(UserFactory.create(role="viewer"))
    for address in ("/", "/studies/", "/system/"):
        html = client.get(address).content.decode()
        assert "Fault injection is on:" in html
        assert "io_delay_ms 50" in html
    client.logout()
    assert "Fault injection is on:" in client.get("/sign-in/").content.decode()


def test_a_file_of_faults_means_nothing_where_they_are_not_allowed(installation: Settings, client: Client) -> None:
    fault_file().inject("reject_all", "")

    assert "faults" not in states()
    assert "Fault injection" not in client.get("/sign-in/").content.decode()
