"""Asked by QIDO-RS what they keep: a server on loopback that pages, refuses, and talks nonsense."""

import json
import threading
from base64 import b64encode
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from routing.models import DeliveryState, Destination, ProofRequest
from routing.proof import qido
from routing.proof.due import plan_requests
from routing.proof.models import ProofState
from routing.proof.prove import prove
from tests.factories import DestinationFactory
from tests.routing.proof.conftest import Deliver, states
from tests.routing.transports.conftest import with_secret

pytestmark = pytest.mark.django_db(transaction=True)
CONFIRMED, DELIVERED, PENDING = DeliveryState.CONFIRMED, DeliveryState.DELIVERED, DeliveryState.PENDING


class Web:
    """What the server has, and how it answers."""

    def __init__(self) -> None:
        self.uids: list[str] = []
        self.status = 200
        self.body: bytes | None = None
        self.knows_paging = True
        self.asked: list[str] = []
        self.signed_in_as: list[str | None] = []
        self.port = 0

    def answer(self, path: str) -> tuple[int, bytes]:
        self.asked.append(path)
        if self.status != 200 or self.body is not None:
            return self.status, self.body or b""
        query = parse_qs(urlsplit(path).query)
        offset = int(query["offset"][0]) if self.knows_paging else 0
        page = self.uids[offset : offset + int(query["limit"][0])]
        if not page:
            return 204, b""
        return 200, json.dumps([{"00080018": {"vr": "UI", "Value": [uid]}} for uid in page]).encode()


@pytest.fixture
def web() -> Iterator[Web]:
    found = Web()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found.signed_in_as.append(self.headers["Authorization"])
            status, body = found.answer(self.path)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        found.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield found
        server.shutdown()
        thread.join()


@pytest.fixture
def destination(web: Web) -> Destination:
    url = f"http://127.0.0.1:{web.port}/dicom-web/"
    return DestinationFactory.create(kind="stow", url=url, proof="query", proof_after_minutes=0, timeout_seconds=10)


def ask(destination: Destination) -> ProofRequest:
    plan_requests()
    prove(destination.pk)
    return ProofRequest.objects.filter(destination=destination).order_by("-pk")[0]


@pytest.mark.parametrize("knows_paging", [True, False])
def test_what_it_lists_is_confirmed_page_by_page(
    deliver: Deliver, destination: Destination, web: Web, knows_paging: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(qido, "PAGE", 2 if knows_paging else 1000)
    deliveries = deliver(destination, 5)
    web.uids = [one.instance.sop_instance_uid for one in deliveries[:4]]
    web.knows_paging = knows_paging

    request = ask(destination)

    assert states(deliveries) == [CONFIRMED] * 4 + [PENDING]
    assert (request.state, request.proven, request.missing) == (ProofState.GAPS, 4, 1)
    study = deliveries[0].instance.series.study.study_instance_uid
    assert web.asked[0].startswith(f"/dicom-web/studies/{study}/instances?")


def test_it_is_signed_in_with_the_destinations_own_password(
    deliver: Deliver, destination: Destination, web: Web
) -> None:
    destination.authentication, destination.username = "basic", "gantry"
    with_secret(destination, "open sesame")
    web.uids = [one.instance.sop_instance_uid for one in deliver(destination, 1)]

    assert ask(destination).state == ProofState.PROVEN
    assert set(web.signed_in_as) == {"Basic " + b64encode(b"gantry:open sesame").decode()}


def test_an_unknown_study_is_sent_again(deliver: Deliver, destination: Destination, web: Web) -> None:
    web.status = 404
    deliveries = deliver(destination, 2)

    assert ask(destination).state == ProofState.GAPS
    assert states(deliveries) == [PENDING] * 2


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [(500, None, "500"), (401, None, "401"), (200, b"<html>", "DICOM JSON"), (200, b'[{"a": 1}]', "DICOM JSON")],
)
def test_an_answer_that_says_nothing_is_no_gap(
    deliver: Deliver, destination: Destination, web: Web, status: int, body: bytes | None, words: str
) -> None:
    web.status, web.body = status, body
    deliveries = deliver(destination, 1)

    request = ask(destination)

    assert request.state == ProofState.DUE
    assert words in request.last_error
    assert states(deliveries) == [DELIVERED]
