"""Sources that do what they should not: what is said of each, and the others unharmed (RELIABILITY I18, S15, S16)."""

import json
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from pytest_django import Settings as SettingsWrapper

from dicomnet.web.secrets import seal
from spanner.answers import Answer, text_of
from spanner.models import Source
from spanner.question import PATIENT_ID, STUDY_UID, question
from spanner.search import Found, span
from studies.query.keys import QueryLevel
from tests.certificates import authority
from tests.http_peer import Reply, Request, http_peer
from tests.peers import scripted_peer, silent_port, tcp_peer
from tests.spanner.archives import dimse_archive, study
from tests.spanner.bad_peers import ABORT, Asked, find_peer, http_bytes, identifier
from tests.spanner.conftest import Federate

pytestmark = [pytest.mark.embedded, pytest.mark.django_db(transaction=True)]
Make = Callable[..., Source]
GOOD = "1.2.3.1"
MIB = 1 << 20


def ask(federate: Federate, *sources: Source, **wanted: Any) -> Found:
    config = federate(*sources)
    asked = question(QueryLevel.STUDY, {PATIENT_ID: "P1", **wanted.pop("values", {})})
    return span(config, asked, door="api", asked_by="anna")


def of(found: Found, name: str) -> Answer:
    return next(answer for answer in found.answers if answer.source == name)


@contextmanager
def beside_a_good_one(dimse: Make, federate: Federate, bad: Source) -> Iterator[Answer]:
    """What the bad one answered; the good one has answered whole."""
    with dimse_archive([study(1)]) as (port, _):
        found = ask(federate, dimse("Good", port), bad)
    assert of(found, "Good").state == "ok"
    assert GOOD in {text_of(one.row, STUDY_UID) for one in found.merged}
    yield of(found, "Bad")


# C-FIND: what it says, the state, how many matches, and the reason.


def garbage(asked: Asked) -> None:
    asked.say(b"\xde\xad\xbe\xef" * 64)


def unreadable(asked: Asked) -> None:
    asked.say(asked.match(identifier(2)), asked.match(b"\x08\x00\x52\x00CS\xff\xff"), asked.end())


def another_level(asked: Asked) -> None:
    asked.say(asked.match(identifier(2, level=b"PATIENT", study=b"")), asked.match(identifier(3)), asked.end())


def another_patient(asked: Asked) -> None:
    asked.say(asked.match(identifier(2, patient=b"P2")), asked.match(identifier(3)), asked.end())


def no_character_set(asked: Asked) -> None:
    asked.say(asked.match(identifier(2, name="Müller".encode("latin-1"))), asked.end())


def wrong_character_set(asked: Asked) -> None:
    asked.say(asked.match(identifier(2, name="Müller".encode(), charset=b"ISO_IR 100")), asked.end())


def abort_in_the_middle(asked: Asked) -> None:
    asked.say(asked.match(identifier(2)), ABORT)


def close_in_the_middle(asked: Asked) -> None:
    asked.say(asked.match(identifier(2)))
    asked.connection.close()


def change_its_mind(asked: Asked) -> None:
    asked.say(*(asked.match(identifier(number)) for number in (2, 3, 2, 4)), asked.end())


def answer_another_question(asked: Asked) -> None:
    asked.say(asked.match(identifier(2)), asked.match(identifier(3), message_id=b"\x63\x00"), asked.end())


def out_of_resources(asked: Asked) -> None:
    asked.say(asked.match(identifier(2)), asked.end(0xA700))


def refuse(asked: Asked) -> None:
    asked.say(asked.end(0xA900))


def endless_pdu(asked: Asked) -> None:
    asked.say(struct.pack(">BxL", 4, 0xFFFFFFFF), b"x" * 1024)


def odd_values(asked: Asked) -> None:
    odd = identifier(2, count=b"9" * 300, modalities=b"\\\\", name=b"====")
    asked.say(asked.match(odd), asked.match(b""), asked.end())


@pytest.mark.parametrize(
    ("say", "state", "count", "words"),
    [
        (garbage, "error", 0, "."),
        (unreadable, "partial", 1, "1 of its matches"),
        (another_level, "partial", 1, "1 of its matches do not say what they are"),
        (another_patient, "ok", 1, ""),
        (no_character_set, "ok", 1, ""),
        (wrong_character_set, "ok", 1, ""),
        (abort_in_the_middle, "partial", 1, "abort"),
        (close_in_the_middle, "partial", 1, "."),
        (change_its_mind, "ok", 4, ""),
        (answer_another_question, "partial", 1, "something else than what it was asked"),
        (out_of_resources, "partial", 1, "more matches than the 1"),
        (refuse, "error", 0, "refused the query"),
        (endless_pdu, "error", 0, "."),
        (odd_values, "partial", 1, "1 of its matches"),
    ],
)
def test_an_odd_c_find(
    dimse: Make, federate: Federate, say: Callable[[Asked], None], state: str, count: int, words: str
) -> None:
    with find_peer(say) as port, beside_a_good_one(dimse, federate, dimse("Bad", port)) as bad:
        assert (bad.state, len(bad.rows)) == (state, count)
        assert bool(bad.error) == bool(words)
        assert words.strip(".") in bad.error


@pytest.mark.parametrize("say", [no_character_set, wrong_character_set])
def test_a_name_in_a_character_set_that_is_not_declared_is_read(
    dimse: Make, federate: Federate, say: Callable[[Asked], None]
) -> None:
    with find_peer(say) as port, beside_a_good_one(dimse, federate, dimse("Bad", port)) as bad:
        assert text_of(bad.rows[0], 0x00100010) == "Müller"


def test_a_c_find_that_never_ends_is_stopped_at_the_limit(dimse: Make, federate: Federate) -> None:
    def for_ever(asked: Asked) -> None:
        for number in range(2, 10**9):
            asked.say(asked.match(identifier(number)))

    bad = dimse("Bad", 1, result_limit=50)
    with find_peer(for_ever) as port:
        Source.objects.filter(pk=bad.pk).update(port=port)
        with beside_a_good_one(dimse, federate, bad) as answer:
            assert (answer.state, len(answer.rows)) == ("partial", 50)
            assert "more matches than the 50" in answer.error


def test_a_hundred_thousand_matches_cost_no_more_than_the_limit(dimse: Make, federate: Federate) -> None:
    def many(asked: Asked) -> None:
        page = b"".join(asked.match(identifier(number)) for number in range(2, 1002))
        for _ in range(100):
            asked.say(page)
        asked.say(asked.end())

    with find_peer(many) as port:
        before = psutil.Process().memory_info().rss
        with beside_a_good_one(dimse, federate, dimse("Bad", port)) as bad:
            assert (bad.state, len(bad.rows)) == ("partial", 2_000)
        assert psutil.Process().memory_info().rss - before < 100 * MIB


def test_one_study_said_a_thousand_times_is_one(dimse: Make, federate: Federate) -> None:
    def same(asked: Asked) -> None:
        asked.say(*[asked.match(identifier(2))] * 1_000, asked.end())

    with find_peer(same) as port:
        found = ask(federate, dimse("Bad", port))
    assert len(found.merged) == 1


def test_a_rejected_association_is_said_to_be(dimse: Make, federate: Federate) -> None:
    def reject(connection: Any) -> None:
        connection.recv(65_536)
        connection.sendall(struct.pack(">BxLxBBB", 3, 4, 1, 1, 7))

    with tcp_peer(reject) as port, beside_a_good_one(dimse, federate, dimse("Bad", port)) as bad:
        assert (bad.state, bad.is_alive) == ("error", False)
        assert "reject" in bad.error.lower() or "recogni" in bad.error.lower()


def test_a_slow_drip_is_over_when_its_time_is(dimse: Make, federate: Federate) -> None:
    stop = threading.Event()

    def drip(asked: Asked) -> None:
        for byte in asked.match(identifier(2)) * 50:
            asked.say(bytes([byte]))
            if stop.wait(0.05):
                return

    with find_peer(drip) as port, beside_a_good_one(dimse, federate, dimse("Bad", port, timeout_seconds=1)) as bad:
        stop.set()
        assert bad.state == "timeout"


def test_an_association_that_has_gone_stale_is_opened_again(dimse: Make, federate: Federate) -> None:
    def answer(connection: Any, context_id: int, command: dict[int, bytes]) -> None:
        asked = Asked(connection, context_id, command)
        asked.say(asked.match(identifier(2)), asked.end())
        served.append(connection)
        threading.Thread(target=close_unseen, args=(connection,)).start()

    def close_unseen(connection: Any) -> None:
        # As a firewall does that has forgotten the connection: only the next to use it finds out.
        closed.wait(30)
        connection.close()

    served: list[Any] = []
    closed = threading.Event()
    with scripted_peer(answer) as port:
        config = federate(dimse("Bad", port))
        for patient in ("P1", "P*"):
            asked = question(QueryLevel.STUDY, {PATIENT_ID: patient})
            found = span(config, asked, door="api", asked_by="anna")
            assert [answer.state for answer in found.answers] == ["ok"]
            closed.set()
    assert len(served) == 2


# QIDO-RS


def row(number: int = 2) -> dict[str, Any]:
    return {"0020000D": {"vr": "UI", "Value": [f"1.2.3.{number}"]}, "00100020": {"vr": "LO", "Value": ["P1"]}}


def nested(depth: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for _ in range(depth):
        found = {"00081115": {"vr": "SQ", "Value": [found]}}
    return found


JSON = "application/dicom+json"
ODD = {
    "no JSON": (b"[{", "not JSON"),
    "NaN": (b'[{"00201208": {"vr": "IS", "Value": [NaN]}}]', "not JSON"),
    "deep nesting": (b"[" * 200_000, "not JSON"),
    "deep sequences": (json.dumps([nested(30)]).encode(), "too many sequences"),
    "a page for people": (b"<html>Sign in</html>", "not JSON"),
    "no list": (b'{"error": "no"}', "not a list of DICOM objects"),
    "a list of numbers": (b"[1, 2]", "not a list of DICOM objects"),
    "bytes of no text": (b"\xff\xfe\x00[", "not JSON"),
    "a number of a million digits": (b"[" + b"9" * 1_000_000 + b"]", "not JSON"),
}


@pytest.mark.parametrize(("body", "words"), ODD.values(), ids=ODD)
def test_an_answer_that_is_no_dicom_json(
    dimse: Make, dicomweb: Make, federate: Federate, body: bytes, words: str
) -> None:
    with (
        http_peer(lambda _: Reply(200, body, {"Content-Type": JSON})) as peer,
        beside_a_good_one(dimse, federate, dicomweb("Bad", peer.url)) as bad,
    ):
        assert (bad.state, len(bad.rows)) == ("error", 0)
        assert words in bad.error


@pytest.mark.parametrize("content_type", ["text/html", "application/dicom+xml", "", "multipart/related"])
def test_dicom_json_under_another_name_is_read(
    dimse: Make, dicomweb: Make, federate: Federate, content_type: str
) -> None:
    body = json.dumps([row()]).encode()
    with (
        http_peer(lambda _: Reply(200, body, {"Content-Type": content_type})) as peer,
        beside_a_good_one(dimse, federate, dicomweb("Bad", peer.url)) as bad,
    ):
        assert (bad.state, len(bad.rows)) == ("ok", 1)


ELEMENTS = {
    "vr": [{"vr": ["UI"]}, {"vr": "X"}, {"vr": None}, "text", None, 5],
    "values": [{"vr": "IS", "Value": [10**300, True, {}, [], None]}, {"vr": "DS", "Value": "1"}],
    "names": [{"vr": "PN", "Value": ["Doe", {"Alphabetic": 5}, {"Other": "x"}, None]}],
    "half a surrogate": [{"vr": "LO", "Value": ["\ud800"]}],
    "sequence": [{"vr": "SQ", "Value": [1, {}]}],
}


@pytest.mark.parametrize("odd", ELEMENTS.values(), ids=ELEMENTS)
def test_odd_elements_of_one_source_do_not_cost_the_others_theirs(
    dimse: Make, dicomweb: Make, federate: Federate, odd: list[Any]
) -> None:
    tags = ["00080061", "00080054", "00080056", "00201208", "00100010", "00100030", "00080020", "0000", "00000100"]
    rows = [{**row(at), tag: element} for at, element in enumerate(odd, start=1) for tag in tags]
    body = json.dumps(rows).encode().replace(b"\\\\ud800", b"\\ud800") + b" "
    with (
        http_peer(lambda _: Reply(200, body, {"Content-Type": JSON})) as peer,
        beside_a_good_one(dimse, federate, dicomweb("Bad", peer.url)) as bad,
    ):
        assert (bad.state, len(bad.rows)) == ("ok", len(rows))
        json.dumps(bad.rows, allow_nan=False, ensure_ascii=False).encode()


@pytest.mark.parametrize(
    ("status", "words", "is_alive"),
    [
        (401, "user name, password or token", True),
        (403, "does not allow", True),
        (404, "check the URL of its root", True),
        (413, "ask for fewer", True),
        (500, "HTTP 500", False),
        (503, "HTTP 503", False),
    ],
)
def test_a_status_that_is_no_success(
    dimse: Make, dicomweb: Make, federate: Federate, status: int, words: str, is_alive: bool
) -> None:
    with (
        http_peer(lambda _: Reply(status)) as peer,
        beside_a_good_one(dimse, federate, dicomweb("Bad", peer.url)) as bad,
    ):
        assert (bad.state, bad.is_alive) == ("error", is_alive)
        assert words in bad.error


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed_and_nothing_is_sent_elsewhere(
    dimse: Make, dicomweb: Make, federate: Federate, status: int
) -> None:
    with http_peer(lambda _: Reply(200, b"[]")) as elsewhere:
        moved = Reply(status, b"", {"Location": f"{elsewhere.url}/dicom-web/studies"})
        with http_peer(lambda _: moved) as peer:
            origin = f"http://127.0.0.1:{peer.port}"
            told = {"authentication": "basic", "username": "anna", "secret": seal("geheim", place=origin)}
            with beside_a_good_one(dimse, federate, dicomweb("Bad", peer.url, **told)) as bad:
                assert bad.state == "error"
                assert "redirects" in bad.error
                assert "geheim" not in bad.error
            assert peer.requests[0].headers["authorization"].startswith("Basic ")
        assert elsewhere.requests == []


def test_a_secret_is_not_sent_to_another_origin_than_it_was_entered_for(
    dimse: Make, dicomweb: Make, federate: Federate
) -> None:
    with http_peer(lambda _: Reply(200, b"[]")) as peer:
        told = {"authentication": "bearer", "secret": seal("geheim", place="https://pacs.example:443")}
        with beside_a_good_one(dimse, federate, dicomweb("Bad", peer.url, **told)) as bad:
            assert bad.state == "error"
        assert peer.requests == []


def test_a_certificate_that_has_expired(
    dimse: Make, dicomweb: Make, federate: Federate, tmp_path: Path, settings: SettingsWrapper
) -> None:
    ca = authority(tmp_path)
    expired = ca.issue("Bad", days=-1)
    settings.GANTRY = replace(settings.GANTRY, tls_ca=ca.cert)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(expired.cert, expired.key)
    with (
        http_peer(lambda _: Reply(200, b"[]"), tls=context) as peer,
        beside_a_good_one(dimse, federate, dicomweb("Bad", f"https://127.0.0.1:{peer.port}")) as bad,
    ):
        assert bad.state == "error"
        assert "expired" in bad.error
        assert peer.requests == []


def test_ten_gigabytes_are_not_read(dimse: Make, dicomweb: Make, federate: Federate) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/dicom+json\r\nContent-Length: 10737418240\r\n\r\n["
    with http_bytes(head, again=b" " * MIB) as url:
        before = psutil.Process().memory_info().rss
        with beside_a_good_one(dimse, federate, dicomweb("Bad", url)) as bad:
            assert bad.state == "error"
            assert "longer than 64 MiB" in bad.error
        assert psutil.Process().memory_info().rss - before < 250 * MIB


def test_a_body_that_never_ends_is_not_read_to_its_end(dimse: Make, dicomweb: Make, federate: Federate) -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    with (
        http_bytes(head, again=b"10000\r\n" + b" " * 65_536 + b"\r\n") as url,
        beside_a_good_one(dimse, federate, dicomweb("Bad", url)) as bad,
    ):
        assert bad.state == "error"
        assert "longer than 64 MiB" in bad.error


DRIPS: dict[str, tuple[tuple[bytes, ...], bytes]] = {
    "of the head": ((b"HTTP/1.1 200 OK\r\nX: ",), b"a"),
    "of the body": ((b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n[",), b" "),
    "of chunks": ((b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",), b"1\r\n \r\n"),
    "of nothing": ((), b""),
}


@pytest.mark.parametrize(("pieces", "again"), DRIPS.values(), ids=DRIPS)
def test_a_slow_drip_over_http_is_over_when_its_time_is(
    dimse: Make, dicomweb: Make, federate: Federate, pieces: tuple[bytes, ...], again: bytes
) -> None:
    with (
        http_bytes(*pieces, again=again, seconds=0.05) if again else _silence() as url,
        beside_a_good_one(dimse, federate, dicomweb("Bad", url, timeout_seconds=1)) as bad,
    ):
        assert bad.state == "timeout"


@contextmanager
def _silence() -> Iterator[str]:
    with silent_port() as port:
        yield f"http://127.0.0.1:{port}"


@pytest.mark.parametrize("warning", ["", '299 - "There are additional results that can be requested"'])
def test_a_service_that_knows_no_offset_is_not_asked_for_ever(
    dimse: Make, dicomweb: Make, federate: Federate, warning: str
) -> None:
    body = json.dumps([row(number) for number in range(1_000 if not warning else 3)]).encode()
    headers = {"Warning": warning} if warning else {}
    with (
        http_peer(lambda _: Reply(200, body, headers)) as peer,
        beside_a_good_one(dimse, federate, dicomweb("Bad", peer.url)) as bad,
    ):
        assert bad.state == "partial"
        assert "does not know offset" in bad.error
        assert len(peer.requests) == 2


def test_pages_are_read_to_their_end(dimse: Make, dicomweb: Make, federate: Federate) -> None:
    def page(request: Request) -> Reply:
        if "offset=" not in request.path:
            return Reply(200, json.dumps([row(number) for number in range(1_000)]).encode())
        return Reply(200, json.dumps([row(5_000)]).encode())

    with http_peer(page) as peer, beside_a_good_one(dimse, federate, dicomweb("Bad", peer.url)) as bad:
        assert (bad.state, len(bad.rows)) == ("ok", 1_001)


# All at once


def test_whatever_they_do_the_deadline_holds(dimse: Make, dicomweb: Make, federate: Federate) -> None:
    let_go = threading.Event()

    def hang(asked: Asked) -> None:
        asked.say(asked.match(identifier(2)))
        let_go.wait(60)

    drips: list[AbstractContextManager[str]] = [http_bytes(*DRIPS[name][0], again=DRIPS[name][1], seconds=0.05)
                                                for name in ("of the head", "of the body", "of chunks")]  # fmt: skip
    with dimse_archive([study(1)]) as (port, _), find_peer(hang) as hanging, silent_port() as silent:
        with drips[0] as head, drips[1] as body, drips[2] as chunks:
            bad = [dimse("Hangs", hanging, timeout_seconds=20), dimse("Silent", silent, timeout_seconds=20)]
            urls = {"Head": head, "Body": body, "Chunks": chunks}
            bad += [dicomweb(name, url, timeout_seconds=20) for name, url in urls.items()]
            config = federate(dimse("Good", port), *bad, timeout_seconds=2)
            began = time.monotonic()
            found = span(config, question(QueryLevel.STUDY, {PATIENT_ID: "P1"}), door="api", asked_by="anna")
            seconds = time.monotonic() - began
        let_go.set()
    assert {answer.source: answer.state for answer in found.answers} == {
        "Good": "ok", "Hangs": "timeout", "Silent": "timeout", "Head": "timeout", "Body": "timeout", "Chunks": "timeout"
    }  # fmt: skip
    assert [text_of(one.row, STUDY_UID) for one in found.merged] == [GOOD]
    assert seconds < 15  # its time is two, that of each source twenty
