"""Destinations over TLS: instances arrive as they are, and Echo says in words why a handshake failed."""

import ssl
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from dicomnet.scu.association import PeerError
from dicomnet.tls import server_context
from gateway.env import Environment
from routing.deliver import drive
from routing.destinations import echo_destination, peer_of
from routing.models import Delivery, DeliveryState, Destination
from studies.storage import hot_storage
from tests.certificates import Authority, Issued, authority
from tests.corpus import data_set_bytes
from tests.factories import DeliveryFactory, DestinationFactory, version_of_a_new_rule
from tests.peers import dcmtk_storescp, storing_peer
from tests.routing.conftest import Store

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture
def own(home: Environment, settings: Settings, ca: Authority) -> Issued:
    """The gateway has a certificate, and trusts the CA."""
    issued = ca.issue("GANTRY")
    settings.GANTRY = replace(home, tls_cert=issued.cert, tls_key=issued.key, tls_ca=ca.cert)
    return issued


def context_of(issued: Issued, ca: Authority | None = None) -> ssl.SSLContext:
    return server_context(issued.cert, issued.key, ca.cert if ca else None)


def destination_at(port: int, **columns: Any) -> Destination:
    return DestinationFactory.create(ae_title="PEER", host="127.0.0.1", port=port, timeout_seconds=20, **columns)


def test_an_instance_is_delivered_as_it_is_to_a_peer_that_wants_a_certificate(
    store: Store, own: Issued, ca: Authority
) -> None:
    with storing_peer(tls=context_of(ca.issue("PEER"), ca)) as storing:
        destination = destination_at(storing.port, tls=True)
        instance = store()
        DeliveryFactory.create(instance=instance, destination=destination, rule_version=version_of_a_new_rule())
        assert drive(destination.pk) == 1
    path = Path(hot_storage().path(instance.location))
    assert storing.received == {instance.sop_instance_uid: data_set_bytes(path)}


@pytest.mark.peers
def test_dcmtk_takes_an_instance_over_tls(store: Store, own: Issued, ca: Authority, tmp_path: Path) -> None:
    issued, folder = ca.issue("DCMTK"), tmp_path / "received"
    folder.mkdir()
    tls = ["--enable-tls", str(issued.key), str(issued.cert), "--add-cert-file", str(ca.cert)]
    with dcmtk_storescp(folder, "+B", "--require-peer-cert", *tls) as port:
        destination = destination_at(port, tls=True)
        instance = store()
        DeliveryFactory.create(instance=instance, destination=destination, rule_version=version_of_a_new_rule())
        assert drive(destination.pk) == 1
    (received,) = folder.iterdir()
    assert data_set_bytes(received) == data_set_bytes(Path(hot_storage().path(instance.location)))


def test_an_untrusted_peer_gets_nothing_and_the_delivery_waits(store: Store, own: Issued, tmp_path: Path) -> None:
    stranger = authority(tmp_path, "Stranger")
    with storing_peer(tls=context_of(stranger.issue("PEER"))) as storing:
        destination = destination_at(storing.port, tls=True)
        instance = store()
        DeliveryFactory.create(instance=instance, destination=destination, rule_version=version_of_a_new_rule())
        drive(destination.pk)
    delivery = Delivery.objects.get()
    assert delivery.state == DeliveryState.PENDING
    destination.refresh_from_db()
    assert "from a CA that GANTRY_TLS_CA does not hold" in delivery.last_error + destination.last_error
    assert storing.received == {}


class TestEcho:
    def test_answered(self, own: Issued, ca: Authority) -> None:
        with storing_peer(tls=context_of(ca.issue("PEER"), ca)) as storing:
            assert echo_destination(destination_at(storing.port, tls=True)).words == "0x0000 Success"

    def test_name_in_the_certificate(self, own: Issued, ca: Authority) -> None:
        with storing_peer(tls=context_of(ca.issue("PACS_1", names=""))) as storing:
            destination = destination_at(storing.port, tls=True)
            assert "is for another address" in echo_destination(destination).words
            destination.tls_server_name = "PACS_1"
            assert echo_destination(destination).is_alive

    def test_expired(self, own: Issued, ca: Authority) -> None:
        expired = ca.issue("PEER", days=-1)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(expired.cert, expired.key)
        with storing_peer(tls=context) as storing:
            outcome = echo_destination(destination_at(storing.port, tls=True))
        assert not outcome.is_alive
        assert outcome.words.endswith("failed: its certificate has expired")

    def test_no_tls_on_that_port(self, own: Issued) -> None:
        with storing_peer() as storing:
            outcome = echo_destination(destination_at(storing.port, tls=True))
        assert not outcome.is_alive
        assert "speak TLS on this port" in outcome.words

    def test_a_certificate_of_ours_that_the_peer_wants_and_we_have_not(
        self, home: Environment, settings: Settings, ca: Authority
    ) -> None:
        settings.GANTRY = replace(home, tls_ca=ca.cert)
        with storing_peer(tls=context_of(ca.issue("PEER"), ca)) as storing:
            outcome = echo_destination(destination_at(storing.port, tls=True))
        assert not outcome.is_alive

    def test_files_that_cannot_be_used(self, home: Environment, settings: Settings, tmp_path: Path) -> None:
        settings.GANTRY = replace(home, tls_ca=tmp_path / "none.pem")
        destination = destination_at(104, tls=True)
        outcome = echo_destination(destination)
        assert not outcome.is_alive
        assert "cannot be called over TLS" in outcome.words
        assert "none.pem (GANTRY_TLS_CA) cannot be read" in outcome.words
        with pytest.raises(PeerError, match="cannot be read"):
            peer_of(destination)


def test_plain_destinations_need_no_files(home: Environment, settings: Settings, tmp_path: Path) -> None:
    settings.GANTRY = replace(home, tls_ca=tmp_path / "none.pem")
    assert peer_of(destination_at(104)).tls is None
