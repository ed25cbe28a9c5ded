"""``manage.py checkpeer``: each step, and what to change when one fails."""

from dataclasses import replace
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from dicomnet.tls import server_context
from gateway.env import Environment
from routing.models import DestinationKind
from tests.certificates import authority
from tests.factories import DestinationFactory
from tests.peers import refused_port, storing_peer
from tests.routing.transports.conftest import destination_of

pytestmark = pytest.mark.django_db


def test_a_peer_that_takes_everything(capsys: pytest.CaptureFixture[str]) -> None:
    with storing_peer() as peer:
        DestinationFactory.create(name="PACS", ae_title="PEER", port=peer.port)
        call_command("checkpeer", "PACS")
    said = capsys.readouterr().out
    assert "ok     address: 127.0.0.1" in said
    assert f"ok     connection: open to port {peer.port}, without TLS" in said
    assert "ok     association: accepted; 12 of 12 usual kinds of objects, 1 at once" in said
    assert "CTImageStorage: ImplicitVRLittleEndian, ExplicitVRLittleEndian, JPEGBaseline8Bit" in said
    assert "ok     echo: 0x0000 Success (" in said


def test_over_tls(home: Environment, settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ca = authority(tmp_path)
    settings.GANTRY = replace(home, tls_ca=ca.cert)
    issued = ca.issue("PEER")
    with storing_peer(tls=server_context(issued.cert, issued.key, None)) as peer:
        DestinationFactory.create(name="PACS", ae_title="PEER", port=peer.port, tls=True)
        call_command("checkpeer", "PACS")
    said = capsys.readouterr().out
    assert "ok     connection: TLSv1.3 with TLS_" in said
    assert issued.fingerprint.replace(":", "").lower() in said


def test_nobody_there(capsys: pytest.CaptureFixture[str]) -> None:
    DestinationFactory.create(name="PACS", port=refused_port())
    with pytest.raises(CommandError, match="PACS cannot take instances now"):
        call_command("checkpeer", "PACS")
    said = capsys.readouterr().out
    assert "FAILED call: " in said
    assert "What to do: Is the program running there?" in said


@pytest.mark.parametrize(
    ("rejection", "advice"),
    [
        ((1, 1, 7), "Enter the AE title that the peer has"),
        ((1, 1, 3), "Have the peer's administrator enter Gantry's AE title"),
    ],
)
def test_a_peer_that_rejects(rejection: tuple[int, int, int], advice: str, capsys: pytest.CaptureFixture[str]) -> None:
    with storing_peer(rejection=rejection) as peer:
        DestinationFactory.create(name="PACS", ae_title="PEER", port=peer.port)
        with pytest.raises(CommandError):
            call_command("checkpeer", "PACS")
    assert advice in capsys.readouterr().out


def test_a_folder(tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]) -> None:
    destination_of(DestinationKind.FOLDER, name="Share", path=str(tmp_path_factory.mktemp("share")))
    call_command("checkpeer", "Share")
    assert "ok     echo: Writable, " in capsys.readouterr().out


def test_an_unknown_name_is_told_what_there_is() -> None:
    DestinationFactory.create(name="PACS")
    with pytest.raises(CommandError, match="There is no destination “PASC”; there are: PACS"):
        call_command("checkpeer", "PASC")
