"""One message: signed, bounded, to no address that Gantry does not call."""

import base64
import hashlib
import hmac
import re
import socket
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from dicomnet.web.http import Answer
from dicomnet.web.secrets import seal
from gateway.env import BASE_DIR
from gateway.webhooks import call as calling
from gateway.webhooks.call import call
from gateway.webhooks.change import change_secret
from gateway.webhooks.models import Webhook
from tests.dicomnet.web.test_addresses import FORBIDDEN_URLS, _own_services, names  # noqa: F401 (a fixture)
from tests.factories import WEBHOOK_SECRET, WebhookFactory
from tests.gateway.webhooks.conftest import hook
from tests.http_peer import HttpPeer, Reply

pytestmark = pytest.mark.django_db
BODY = '{"type":"webhook.test","data":{"words":"Käse"}}'
Receiver = Callable[..., HttpPeer]


def verifier() -> Callable[..., None]:
    """The example of the documentation, as it stands there."""
    page = (BASE_DIR / "docs" / "webhooks.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    space: dict[str, Any] = {}
    exec(code, space)  # noqa: S102 (our own page)
    return space["verify"]  # type: ignore[no-any-return]


def test_a_message_is_posted_and_signed(receiver: Receiver) -> None:
    peer = receiver()

    outcome = call(hook(f"{peer.url}/in/"), "msg_1", BODY)

    (request,) = peer.requests
    stamp = request.headers["webhook-timestamp"]
    signed = f"msg_1.{stamp}.".encode() + BODY.encode()
    digest = hmac.new(b"x" * 32, signed, hashlib.sha256).digest()
    assert (outcome.is_alive, outcome.status, outcome.text) == (True, 200, "thanks")
    assert (request.method, request.path, request.body.decode()) == ("POST", "/in/", BODY)
    assert request.headers["content-type"] == "application/json"
    assert request.headers["webhook-id"] == "msg_1"
    assert request.headers["webhook-signature"] == f"v1,{base64.b64encode(digest).decode()}"


def test_the_example_of_the_documentation_verifies_it(receiver: Receiver) -> None:
    peer, verify = receiver(), verifier()
    call(hook(peer.url), "msg_1", BODY)
    (request,) = peer.requests

    verify(WEBHOOK_SECRET, request.headers, request.body)

    for headers, body in (
        (request.headers, request.body + b" "),
        (request.headers | {"webhook-id": "msg_2"}, request.body),
        (request.headers | {"webhook-timestamp": str(int(time.time()) - 3_600)}, request.body),
        (request.headers | {"webhook-signature": "v1,AAAA v2,x"}, request.body),
    ):
        with pytest.raises(ValueError, match="webhook"):
            verify(WEBHOOK_SECRET, headers, body)


def test_for_a_day_both_secrets_sign(receiver: Receiver) -> None:
    peer, verify, webhook = receiver(), verifier(), hook()
    Webhook.objects.update(url=peer.url)
    fresh = change_secret(webhook)

    call(Webhook.objects.get(), "msg_1", BODY)
    Webhook.objects.update(former_until=timezone.now() - timedelta(seconds=1))
    call(Webhook.objects.get(), "msg_2", BODY)

    both, alone = peer.requests
    verify(WEBHOOK_SECRET, both.headers, both.body)
    verify(fresh, both.headers, both.body)
    verify(fresh, alone.headers, alone.body)
    with pytest.raises(ValueError, match="webhook"):
        verify(WEBHOOK_SECRET, alone.headers, alone.body)


def test_a_redirect_is_not_followed(receiver: Receiver) -> None:
    other = receiver()
    peer = receiver(lambda _: Reply(307, headers={"Location": f"{other.url}/"}))

    outcome = call(hook(peer.url), "msg_1", BODY)

    assert (outcome.is_alive, outcome.status) == (False, 307)
    assert "not followed" in outcome.words
    assert other.requests == []


def test_a_long_answer_is_read_up_to_a_bound(receiver: Receiver) -> None:
    peer = receiver(lambda _: Reply(200, b"x" * 5_000_000))

    outcome = call(hook(peer.url), "msg_1", BODY)

    assert outcome.is_alive
    assert len(outcome.text) == calling.SHOWN_CHARACTERS


def test_a_receiver_that_answers_drop_by_drop_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each drop comes in time; the whole does not."""
    monkeypatch.setattr(calling, "DEADLINE_SECONDS", 0.5)
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=_drip, args=(server, stop), daemon=True)
        thread.start()

        outcome = call(hook(f"http://127.0.0.1:{server.getsockname()[1]}"), "msg_1", BODY)

        stop.set()
        thread.join(30)
    assert (outcome.is_alive, outcome.status) == (False, None)


def _drip(server: socket.socket, stop: threading.Event) -> None:
    connection, _ = server.accept()
    with connection:
        try:
            connection.sendall(b"HTTP/1.1 200 OK\r\n")
            while not stop.wait(0.02):
                connection.sendall(b"X: y\r\n")
        except OSError:
            return


@pytest.mark.parametrize(
    ("said", "seconds"),
    [("120", 120), ("9" * 9, 3_600), ("9" * 5_000, 0), ("-1", 0), ("²", 0), ("Sat, 28 Nov 2026", 0)],
    ids=["seconds", "too long", "too many digits", "negative", "no digit", "a date"],
)
def test_how_long_it_asks_to_be_left_alone(said: str, seconds: int) -> None:
    outcome = calling._read(Answer(503, {"retry-after": said}, b"\xff\0", is_whole=True), 1.0)

    assert outcome.asked_seconds == seconds
    assert outcome.text == "\ufffd\ufffd"


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

    outcome = call(hook(f"http://127.0.0.1:{port}"), "msg_1", BODY)

    assert (outcome.status, outcome.words) == (None, f"127.0.0.1:{port} did not answer: nobody listens there")


def test_a_secret_whose_key_is_gone() -> None:
    webhook = WebhookFactory.build(secret=seal("x", place="webhook")[:-8] + "AAAAAAA=")

    assert "make a new one" in call(webhook, "msg_1", BODY).words


@pytest.mark.embedded
@pytest.mark.parametrize("url", FORBIDDEN_URLS)
@pytest.mark.usefixtures("_own_services")
def test_forbidden_addresses_are_not_called(url: str) -> None:
    """Also where one has got into the table: it is looked at before each call."""
    outcome = call(WebhookFactory.build(url=url), "msg_1", BODY)

    assert (outcome.is_alive, outcome.status) == (False, None)
    assert outcome.words.startswith("It is not called: ")


@pytest.mark.embedded
@pytest.mark.parametrize("address", ["169.254.169.254", "::ffff:169.254.169.254", "0.0.0.0", "8.8.8.8"])  # noqa: S104
@pytest.mark.usefixtures("_own_services")
def test_a_name_that_leads_to_a_forbidden_place(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    names(monkeypatch, [address])

    outcome = call(WebhookFactory.build(url="http://ris.example:8000/"), "msg_1", BODY)

    assert (outcome.status, "is not called" in outcome.words) == (None, True)


def test_a_name_is_asked_for_once_and_the_answer_is_called(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    peer = receiver()
    asked = names(monkeypatch, ["127.0.0.1"], ["169.254.169.254"])

    assert call(hook(f"http://ris.example:{peer.port}/"), "msg_1", BODY).is_alive

    assert asked == ["ris.example"]
