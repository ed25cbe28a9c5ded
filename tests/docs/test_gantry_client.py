"""What the client of docs/api-client.md does when Gantry is busy, refuses, or wants a token renewed."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from gantry_client import ApiKey, Conflict, Gantry, NotAllowed, NotFound, NotSignedIn, NotValid, Problem, SignIn

from tests.http_peer import Reply, Request, http_peer

pytestmark = pytest.mark.embedded
BUSY = Reply(503, headers={"Retry-After": "0"})


def told(status: int, /, **said: Any) -> Reply:
    return Reply(status, json.dumps(said).encode(), {"Content-Type": "application/json"})


def play(*replies: Reply) -> Any:
    """These answers, one after another."""
    script: Iterator[Reply] = iter(replies)
    return http_peer(lambda _: next(script))


@pytest.mark.parametrize(
    "busy", [BUSY, Reply(429, headers={"Retry-After": "0"})], ids=["unavailable", "too many requests"]
)
def test_it_comes_again_as_it_is_told(busy: Reply) -> None:
    with play(busy, busy, told(200, deliveries=3)) as peer, Gantry.with_key(peer.url, "k") as gantry:
        assert gantry.retry(state="dead") == 3

    assert [request.headers["authorization"] for request in peer.requests] == ["Api-Key k"] * 3
    assert {request.body for request in peer.requests} == {b'{"state":"dead"}'}


def test_what_may_have_been_done_is_not_asked_again() -> None:
    with play(told(503, type="/problems/unavailable")) as peer, Gantry.with_key(peer.url, "k") as gantry:
        with pytest.raises(Problem, match="503") as caught:
            gantry.move("1.2.3", "cold")
        assert caught.value.type == "/problems/unavailable"

    assert len(peer.requests) == 1


def test_its_patience_ends() -> None:
    later = Reply(429, headers={"Retry-After": "900"})
    with play(later) as peer, Gantry(peer.url, ApiKey("k"), patience_seconds=60) as gantry, pytest.raises(Problem):
        gantry.me()


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, NotValid), (401, NotSignedIn), (403, NotAllowed), (404, NotFound), (409, Conflict), (500, Problem)],
)
def test_each_error_is_an_exception_of_its_own(status: int, kind: type[Problem]) -> None:
    said = {"type": "/problems/x", "title": "T", "status": status, "detail": "D", "errors": {"a": ["b"]}}
    with play(told(status, **said)) as peer, Gantry.with_key(peer.url, "k") as gantry, pytest.raises(kind) as caught:
        gantry.study("1.2")

    problem = caught.value
    assert type(problem) is kind
    assert (problem.status, problem.type, problem.detail, problem.errors) == (status, "/problems/x", "D", {"a": ["b"]})


def test_an_error_that_is_no_json_is_a_problem_too() -> None:
    with play(Reply(502, b"<html>")) as peer, Gantry.with_key(peer.url, "k") as gantry:
        with pytest.raises(Problem) as caught:
            gantry.me()
        assert (caught.value.status, caught.value.type) == (502, "about:blank")


@dataclass
class Tokens:
    """Signs in, and takes only the tokens that it gave out last."""

    number: int = 0
    is_over: bool = False  # no token is taken until it was renewed

    def __call__(self, request: Request) -> Reply:
        given = json.loads(request.body or b"{}")
        if request.path.endswith("/auth/login") or given.get("refresh") == f"r{self.number}":
            self.number += 1
            self.is_over = False
            return told(200, access=f"a{self.number}", refresh=f"r{self.number}")
        if request.path.endswith("/auth/refresh"):
            return told(401, type="/problems/not-authenticated")
        is_right = not self.is_over and request.headers["authorization"] == f"Bearer a{self.number}"
        return told(200, username="jo") if is_right else told(401, type="/problems/not-authenticated")


def test_a_token_that_is_over_is_renewed_once() -> None:
    tokens = Tokens()
    with http_peer(tokens) as peer, Gantry.signed_in(peer.url, "jo", "secret", "123456") as gantry:
        assert gantry.me() == {"username": "jo"}
        assert gantry.me() == {"username": "jo"}
        assert [request.path for request in peer.requests] == ["/api/v1/auth/login", *["/api/v1/auth/me"] * 2]
        assert json.loads(peer.requests[0].body) == {"username": "jo", "password": "secret", "otp": "123456"}

        peer.requests.clear()
        tokens.is_over = True
        assert gantry.me() == {"username": "jo"}

    assert [request.path.rpartition("/")[2] for request in peer.requests] == ["me", "refresh", "me"]
    assert tokens.number == 2


def test_a_sign_in_that_has_ended_is_told_and_begun_anew() -> None:
    tokens = Tokens()
    with http_peer(tokens) as peer, Gantry(peer.url, SignIn(peer.url, "jo", "secret")) as gantry:
        gantry.me()
        tokens.number = 9  # everything that was given out is void
        with pytest.raises(NotSignedIn):
            gantry.me()
        assert gantry.me() == {"username": "jo"}


def test_a_page_follows_the_other() -> None:
    pages = [
        told(200, results=[{"id": 1}, {"id": 2}], next="http://elsewhere/"),
        told(200, results=[{"id": 3}], next=None),
    ]
    with play(*pages) as peer, Gantry.with_key(peer.url, "k") as gantry:
        assert [row["id"] for row in gantry.rules] == [1, 2, 3]

    assert [request.path for request in peer.requests] == [
        f"/api/v1/rules?page={number}&page_size=200" for number in (1, 2)
    ]


def test_a_file_is_there_once_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.dcm"
    with play(BUSY, Reply(200, b"whole")) as peer, Gantry.with_key(peer.url, "k") as gantry:
        assert gantry.download("1.2", "1.2.3", path) == 5
        assert path.read_bytes() == b"whole"
    assert peer.requests[0].path == "/api/v1/studies/1.2/instances/1.2.3/file"
    assert list(tmp_path.iterdir()) == [path]


def test_files_are_sent_again_from_their_beginning(tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("a", "b")]
    for path in files:
        path.write_bytes(path.name.encode() * 3)
    stored = {
        "00081199": {"vr": "SQ", "Value": [{"00081155": {"vr": "UI", "Value": ["1.2.3"]}}]},
        "00081198": {
            "vr": "SQ",
            "Value": [{"00081155": {"vr": "UI", "Value": ["1.2.4"]}, "00081197": {"vr": "US", "Value": [49152]}}],
        },
    }
    with play(BUSY, told(202, **stored), told(409)) as peer, Gantry.with_key(peer.url, "k") as gantry:
        assert gantry.store(files) == {"stored": ["1.2.3"], "failed": {"1.2.4": 0xC000}}
        assert gantry.store(files) == {"stored": [], "failed": {}}

    for request in peer.requests:
        assert request.path == "/dicom-web/studies"
        assert request.parts() == [("application/dicom", b"aaa"), ("application/dicom", b"bbb")]


def test_changes_are_read_on_from_where_they_ended() -> None:
    first = told(200, changes=[{"sequence": 4}, {"sequence": 6}], last=6, done=False)
    second = told(200, changes=[{"sequence": 9}], last=9, done=True)
    with play(first, second) as peer, Gantry.with_key(peer.url, "k") as gantry:
        assert [change["sequence"] for change in gantry.changes(since=3)] == [4, 6, 9]

    assert [request.path.partition("?")[2] for request in peer.requests] == ["since=3&limit=1000", "since=6&limit=1000"]
