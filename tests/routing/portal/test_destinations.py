from datetime import timedelta

from django.test import Client
from django.utils import timezone
from pynetdicom import AE
from pynetdicom.presentation import VerificationPresentationContexts

from routing.models import Destination
from tests.factories import DeliveryFactory, DestinationFactory

GOOD = {
    "name": "Archive",
    "ae_title": "ARCHIVE",
    "host": "10.0.0.1",
    "port": "104",
    "timeout_seconds": "30",
    "is_enabled": "on",
}


def test_create_says_what_is_wrong_then_saves(administrator: Client) -> None:
    html = administrator.post("/destinations/new/", GOOD | {"ae_title": "A" * 17, "port": "99999"}).content.decode()

    assert "2 fields need attention" in html
    assert "Ensure this value has at most 16 characters" in html
    assert not Destination.objects.exists()
    answer = administrator.post("/destinations/new/", GOOD, follow=True)
    assert "Archive is added." in answer.content.decode()


def test_second_destination_of_a_name_is_refused_in_words(administrator: Client) -> None:
    DestinationFactory.create(name="Archive")

    assert "already exists" in administrator.post("/destinations/new/", GOOD).content.decode()


def test_update(administrator: Client) -> None:
    destination = DestinationFactory.create()

    administrator.post(f"/destinations/{destination.pk}/", GOOD | {"is_enabled": ""})

    destination.refresh_from_db()
    assert (destination.name, destination.is_enabled) == ("Archive", False)


def test_delete_of_one_with_deliveries_explains_to_turn_it_off(administrator: Client) -> None:
    destination = DeliveryFactory.create().destination
    address = f"/destinations/{destination.pk}/delete/"

    assert "Turn it off instead" in administrator.get(address).content.decode()
    assert administrator.post(address).headers["Location"] == address
    assert Destination.objects.exists()


def test_delete_of_one_without_deliveries(administrator: Client) -> None:
    destination = DestinationFactory.create()

    answer = administrator.post(f"/destinations/{destination.pk}/delete/", follow=True)

    assert "is deleted" in answer.content.decode()
    assert not Destination.objects.exists()


def test_lane_states(viewer: Client) -> None:
    DestinationFactory.create(name="A", is_enabled=False)
    DestinationFactory.create(name="B", paused_until=timezone.now() + timedelta(minutes=5))
    DestinationFactory.create(name="C", paused_until=timezone.now() - timedelta(minutes=5))

    states = [lane.state for lane in viewer.get("/destinations/").context["lanes"]]

    assert states == ["off", "paused", "up"]


def test_a_destination_over_tls(administrator: Client) -> None:
    administrator.post("/destinations/new/", GOOD | {"tls": "on", "tls_server_name": "PACS_1"})

    destination = Destination.objects.get()
    assert (destination.tls, destination.tls_server_name) == (True, "PACS_1")
    assert "10.0.0.1:104 TLS" in administrator.get("/destinations/").content.decode()
    assert "PACS_1" in administrator.get(f"/destinations/{destination.pk}/").content.decode()


def test_echo_tells_milliseconds(operator: Client, viewer: Client) -> None:
    ae = AE("ARCHIVE")
    ae.supported_contexts = VerificationPresentationContexts
    server = ae.start_server(("127.0.0.1", 0), block=False)
    assert server is not None
    assert server.socket is not None
    try:
        destination = DestinationFactory.create(ae_title="ARCHIVE", port=server.socket.getsockname()[1])
        address = f"/destinations/{destination.pk}/echo/"
        fragment = operator.post(address, headers={"HX-Request": "true"}).content.decode()
        page = operator.post(address, follow=True).content.decode()
    finally:
        server.shutdown()

    assert " ms" in fragment
    assert "0x0000 Success" in fragment
    assert "0x0000 Success" in page
    assert viewer.post(address).status_code == 403


def test_echo_without_answer_says_why(operator: Client) -> None:
    destination = DestinationFactory.create(port=1)

    fragment = operator.post(f"/destinations/{destination.pk}/echo/", headers={"HX-Request": "true"}).content.decode()

    assert "no answer" in fragment
