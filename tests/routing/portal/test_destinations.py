import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pynetdicom import AE
from pynetdicom.presentation import VerificationPresentationContexts

from dicomnet.web.secrets import unseal
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

    now = timezone.localtime(timezone.now())
    shut = {"window_begins_at": (now + timedelta(hours=2)).time(), "window_ends_at": (now + timedelta(hours=3)).time()}
    DestinationFactory.create(name="D", **shut)
    DestinationFactory.create(name="E")

    states = [lane.state for lane in viewer.get("/destinations/").context["lanes"]]

    # Paused until it has given a sign of life, also when the time for asking has come.
    assert states == ["off", "paused", "paused", "closed", "up"]


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


def test_hold_and_release_with_one_click(administrator: Client, operator: Client) -> None:
    destination = DestinationFactory.create(name="Archive")
    DeliveryFactory.create(destination=destination)
    address = f"/destinations/{destination.pk}/hold/"

    assert operator.post(address).status_code == 403
    assert administrator.get(address).status_code == 405
    held = administrator.post(address, follow=True).content.decode()
    assert "Archive is held: 1 wait" in held
    assert "Held: release it, 1 wait" in held
    destination.refresh_from_db()
    assert not destination.is_enabled
    assert "Archive is released: 1 waiting" in administrator.post(address, {"on": "1"}, follow=True).content.decode()
    destination.refresh_from_db()
    assert destination.is_enabled


def test_the_books_and_the_forecast_are_on_the_page(viewer: Client) -> None:
    delivered = DeliveryFactory.create(is_delivered=True)
    DeliveryFactory.create(destination=delivered.destination)

    html = viewer.get("/destinations/").content.decode()

    assert "every instance accounted for" in html
    assert "drains <time" in html


class TestKinds:
    @pytest.mark.parametrize(
        ("kind", "shown", "absent"),
        [
            ("dicom", {"ae_title", "host", "port", "proof"}, {"url", "secret", "path", "bucket"}),
            ("stow", {"url", "authentication", "username", "secret", "proof"}, {"ae_title", "host", "path", "bucket"}),
            ("folder", {"path"}, {"ae_title", "url", "secret", "bucket"}),
            ("s3", {"url", "bucket", "region", "path", "username", "secret"}, {"ae_title", "authentication"}),
        ],
    )
    def test_each_shows_its_own_fields(
        self, administrator: Client, kind: str, shown: set[str], absent: set[str]
    ) -> None:
        html = administrator.get(f"/destinations/new/?kind={kind}").content.decode()
        names = set(re.findall(r'name="(\w+)"', html))
        assert shown | {"name", "maximum_associations", "window_begins_at", "is_enabled", "comment"} <= names
        assert names & absent == set()
        assert f'<a href="?kind={kind}" aria-current="page">' in html

    def test_an_unknown_kind_is_dicom(self, administrator: Client) -> None:
        assert 'name="ae_title"' in administrator.get("/destinations/new/?kind=pigeon").content.decode()

    def test_a_dicomweb_service(self, administrator: Client) -> None:
        given = {
            "name": "Cloud",
            "url": "http://10.1.2.3:8042/dicom-web",
            "authentication": "basic",
            "is_enabled": "on",
        }
        html = administrator.post("/destinations/new/?kind=stow", given).content.decode()
        assert "Basic authentication needs a user name." in html
        assert "Enter the password or token." in html

        given |= {"username": "gantry", "secret": "Sesam öffne dich"}
        page = administrator.post("/destinations/new/?kind=stow", given, follow=True).content.decode()

        assert "Cloud is added." in page
        assert "can be read on the way" in page
        destination = Destination.objects.get()
        assert (destination.kind, destination.batch_size) == ("stow", 50)
        assert unseal(destination.secret, place="http://10.1.2.3:8042") == "Sesam öffne dich"

    def test_the_password_is_kept_and_never_shown(self, administrator: Client) -> None:
        given = {"name": "Cloud", "url": "https://a.example", "authentication": "bearer", "secret": "geheim"}
        administrator.post("/destinations/new/?kind=stow", given)
        destination = Destination.objects.get()
        address = f"/destinations/{destination.pk}/"

        html = administrator.get(address).content.decode()
        assert "geheim" not in html
        assert destination.secret not in html
        assert "Leave this empty to keep it." in html
        administrator.post(address, given | {"secret": "", "comment": "x"})
        moved = administrator.post(address, given | {"secret": "", "url": "https://b.example"}).content.decode()

        assert "entered for another address" in moved
        destination.refresh_from_db()
        assert (destination.comment, destination.url) == ("x", "https://a.example")
        assert unseal(destination.secret, place="https://a.example:443") == "geheim"

    def test_what_was_typed_as_a_password_does_not_come_back(self, administrator: Client) -> None:
        given = {"name": "", "url": "https://a.example", "authentication": "bearer", "secret": "geheim"}
        assert "geheim" not in administrator.post("/destinations/new/?kind=stow", given).content.decode()

    def test_a_folder(self, administrator: Client) -> None:
        html = administrator.post("/destinations/new/?kind=folder", {"name": "Share", "path": "/etc"}).content.decode()
        assert "Choose a folder outside of" in html
        administrator.post("/destinations/new/?kind=folder", {"name": "Share", "path": "/mnt/share/dicom"})
        assert Destination.objects.get().path == "/mnt/share/dicom"

    def test_a_bucket(self, administrator: Client) -> None:
        given = {"name": "Bucket", "bucket": "images", "username": "AKIA"}
        html = administrator.post("/destinations/new/?kind=s3", given).content.decode()
        assert "This field is required." in html
        administrator.post("/destinations/new/?kind=s3", given | {"secret": "geheim"})
        assert unseal(Destination.objects.get().secret, place="https://s3.us-east-1.amazonaws.com:443") == "geheim"

    def test_half_a_time_window(self, administrator: Client) -> None:
        html = administrator.post("/destinations/new/", GOOD | {"window_begins_at": "20:00"}).content.decode()
        assert "A time window needs a beginning and an end" in html
        administrator.post("/destinations/new/", GOOD | {"window_begins_at": "20:00", "window_ends_at": "06:00"})
        assert str(Destination.objects.get().window_begins_at) == "20:00:00"

    def test_emptied_numbers_have_their_usual_value(self, administrator: Client) -> None:
        administrator.post("/destinations/new/", GOOD | {"batch_size": "", "timeout_seconds": ""})
        destination = Destination.objects.get()
        assert (destination.batch_size, destination.timeout_seconds) == (50, 30)
