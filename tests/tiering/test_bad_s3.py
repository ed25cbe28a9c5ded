"""A bucket that misbehaves: moves wait or end in words, nothing is lost or doubled, and they go on after."""

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from studies.integrity import path_of
from studies.models import Instance, Study, Tier
from tests.retrieving import keep_study
from tests.tiering.bad_s3 import Back, BadS3, Call, refusal, times
from tests.tiering.conftest import keys
from tests.tiering.test_moves import before_step, files, flip, go_on, move
from tiering import tar
from tiering.ask import ask_for_move
from tiering.carry_out import work
from tiering.errors import StoreError
from tiering.models import Location, Move, MoveState, Pack, PackState
from tiering.stores import patience, s3
from tiering.stores.choose import open_store

pytestmark = [pytest.mark.embedded, pytest.mark.django_db]
ALWAYS = 1_000_000
KEY = "1.2.3/4.5/01KAJ.tar"


def first_attempt(study: Study, tier: str) -> Move:
    asked = ask_for_move(study, tier, by="test")
    work(seconds=60)
    asked.refresh_from_db()
    study.refresh_from_db()
    return asked


@dataclass(frozen=True)
class Fault:
    """What the service does wrong, and what a move says of it.

    Attributes:
        there, back: words of a move to it, and of one from it; empty: it takes no notice.
        ends: a move from it ends there, and has to be asked for again.
    """

    name: str
    there: str
    back: str
    before: Callable[[Call], Back | None] = lambda _: None
    passes: Callable[[Call], Call] = lambda call: call
    after: Callable[[Call, Back], Back] = lambda _, back: back
    ends: bool = False

    def begins(self, proxy: BadS3) -> None:
        proxy.before, proxy.passes, proxy.after = self.before, self.passes, self.after


def refuses(status: int, code: str, there: str, back: str | None = None) -> Fault:
    return Fault(code, there, there if back is None else back, before=times(ALWAYS, refusal(status, code)))


def of(method: str, change: Callable[[Back], Back]) -> Callable[[Call, Back], Back]:
    return lambda call, back: change(back) if call.method == method and back.status < 300 else back


def half(call: Call) -> Call:
    is_upload = call.method == "PUT" and len(call.body) > 100
    return replace(call, body=call.body[: len(call.body) // 2]) if is_upload else call


def other_size(back: Back) -> Back:
    return replace(back, headers=back.headers | {"Content-Length": str(int(back.headers["Content-Length"]) - 512)})


def other_etag(back: Back) -> Back:
    return replace(back, headers=back.headers | {"ETag": '"0"'})


def other_bits(back: Back) -> Back:
    return replace(back, body=bytes(byte ^ 1 for byte in back.body))


def shorter(back: Back) -> Back:
    return replace(back, body=back.body[:-700])


RESET = "closed the connection"
FAULTS = (
    refuses(404, "NoSuchBucket", "no such bucket; correct its name, or make it"),
    refuses(403, "InvalidAccessKeyId", "does not know the access key; correct it"),
    refuses(403, "SignatureDoesNotMatch", "secret key is not that of the access key; enter it again"),
    refuses(503, "SlowDown", "asks for fewer requests"),
    refuses(500, "InternalError", "it failed"),
    refuses(507, "XMinioStorageFull", "storage is full"),
    Fault("cuts uploads", "differ|not .* bytes|ends at byte", "", passes=half),
    Fault("names another size", "not .* bytes", "", after=of("HEAD", other_size)),
    Fault("names another ETag", "", "", after=of("HEAD", other_etag)),
    Fault("gives other bytes", "does not begin|differs", "no copy", after=of("GET", other_bits), ends=True),
    Fault("cuts answers short", "another number of bytes", "another number of bytes", after=of("GET", shorter)),
    Fault("resets in its answer", RESET, RESET, after=of("GET", lambda back: replace(back, sent_bytes=400))),
    Fault("sends slowly", "in time", "in time", after=of("GET", lambda back: replace(back, bytes_per_second=64))),
)  # fmt: skip
by_name = pytest.mark.parametrize("fault", FAULTS, ids=[fault.name for fault in FAULTS])


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "PATIENCE_SECONDS", 0.1)


@pytest.mark.usefixtures("impatient")
class TestAMove:
    @by_name
    def test_there(
        self, study: Study, cloud: Location, proxy: BadS3, outside: Any, fault: Fault, caplog: pytest.LogCaptureFixture
    ) -> None:
        before = files()
        fault.begins(proxy)
        with caplog.at_level(logging.WARNING, "tiering.carry_out"):
            waiting = first_attempt(study, Tier.ARCHIVE)
        if fault.there:
            assert waiting.state == MoveState.COPYING
            assert (files(), study.tier, waiting.attempts) == (before, Tier.HOT, 1)
            with pytest.raises(AssertionError, match=fault.there):
                raise AssertionError(waiting.last_error)
            assert len([line for line in caplog.records if line.name == "tiering.carry_out"]) == 1

        Fault("", "", "").begins(proxy)
        go_on()

        waiting.refresh_from_db()
        assert (waiting.state, files()) == (MoveState.DONE, {})
        assert len(keys(outside)) == Pack.objects.filter(state=PackState.VERIFIED).count() == 2
        assert move(study, Tier.HOT).state == MoveState.DONE
        assert files() == before

    @by_name
    def test_and_back(self, study: Study, cloud: Location, proxy: BadS3, outside: Any, fault: Fault) -> None:
        before = files()
        move(study, Tier.ARCHIVE)
        fault.begins(proxy)

        waiting = first_attempt(study, Tier.HOT)

        if fault.back:
            assert waiting.state == (MoveState.FAILED if fault.ends else MoveState.COPYING)
            assert study.tier == Tier.ARCHIVE
            with pytest.raises(AssertionError, match=fault.back):
                raise AssertionError(waiting.last_error)
        Fault("", "", "").begins(proxy)
        assert move(study, Tier.HOT).state == MoveState.DONE
        assert files() == before
        assert len(keys(outside)) == 2


class TestAStorm:
    def test_a_short_one_is_not_noticed(self, study: Study, cloud: Location, proxy: BadS3) -> None:
        proxy.before = times(3, refusal(503, "SlowDown"))
        assert first_attempt(study, Tier.ARCHIVE).attempts == 0

    def test_the_time_that_the_service_names_is_kept(self, cloud: Location, proxy: BadS3) -> None:
        """Longer than anybody waits with a connection in the hand: the move's own pause is longer."""
        proxy.before = times(1, refusal(503, "SlowDown", **{"Retry-After": "60"}))
        with pytest.raises(StoreError, match="fewer requests"):
            open_store(cloud).write(KEY, [b"x"])
        assert proxy.asked("PUT") == 1

    def test_a_wrong_key_is_not_tried_again_at_once(self, cloud: Location, proxy: BadS3) -> None:
        proxy.before = times(ALWAYS, refusal(403, "SignatureDoesNotMatch"))
        with pytest.raises(StoreError):
            open_store(cloud).write(KEY, [b"x"])
        assert len(proxy.calls) == 1


class TestParts:
    @pytest.fixture(autouse=True)
    def small_parts(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(s3, "PART_BYTES", 5 << 20)
        monkeypatch.setattr(s3, "RANGE_BYTES", 2 << 20)

    def write(self, cloud: Location) -> bytes:
        content = os.urandom((11 << 20) + 7)
        open_store(cloud).write(KEY, [content[start : start + (5 << 20)] for start in range(0, len(content), 5 << 20)])
        return content

    def test_a_part_that_is_turned_away_comes_again(self, cloud: Location, proxy: BadS3, outside: Any) -> None:
        proxy.before = times(2, refusal(503, "SlowDown"), "PUT")
        content = self.write(cloud)
        assert outside.get_object(Bucket="images", Key=KEY)["Body"].read() == content

    @pytest.mark.usefixtures("impatient")
    def test_nothing_is_left_that_is_paid_for(self, cloud: Location, proxy: BadS3, outside: Any) -> None:
        proxy.before = times(ALWAYS, refusal(503, "SlowDown"), "PUT")
        with pytest.raises(StoreError, match="fewer requests"):
            self.write(cloud)
        assert outside.list_multipart_uploads(Bucket="images").get("Uploads", []) == []
        assert keys(outside) == []

    def test_a_range_whose_connection_breaks_is_read_again(self, cloud: Location, proxy: BadS3) -> None:
        content = self.write(cloud)
        breaks = iter([400])

        def after(call: Call, back: Back) -> Back:
            return replace(back, sent_bytes=next(breaks, None)) if call.method == "GET" else back

        proxy.after = after
        assert b"".join(open_store(cloud).read(KEY)) == content

    def test_an_object_that_is_cut_ends_where_it_ends(self, cloud: Location, outside: Any) -> None:
        content = self.write(cloud)[: 3 << 20]
        outside.put_object(Bucket="images", Key=KEY, Body=content)
        assert b"".join(open_store(cloud).read(KEY, 0, 11 << 20)) == content
        assert b"".join(open_store(cloud).read(KEY, 5 << 20, 1 << 20)) == b""


class TestMeanwhile:
    def test_a_hot_file_changes_while_it_is_copied(self, study: Study, cloud: Location, outside: Any) -> None:
        victim = path_of(Instance.objects.latest("pk"))
        with before_step(tar, "header", lambda: flip(victim)):
            failed = first_attempt(study, Tier.ARCHIVE)
        assert failed.state == MoveState.FAILED
        assert "is not what was acknowledged" in failed.last_error
        assert (len(files()), study.tier) == (6, Tier.HOT)

    def test_an_object_changes_while_it_is_read(
        self, study: Study, cloud: Location, proxy: BadS3, outside: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before = files()
        move(study, Tier.ARCHIVE)
        monkeypatch.setattr(s3, "RANGE_BYTES", 512)
        whole = {key: outside.get_object(Bucket="images", Key=key)["Body"].read() for key in keys(outside)}
        key = keys(outside)[0]

        def after(call: Call, back: Back) -> Back:
            if call.method == "GET":
                outside.put_object(Bucket="images", Key=key, Body=bytes(len(whole[key])))
            return back

        proxy.after = after
        failed = first_attempt(study, Tier.HOT)
        assert (failed.state, study.tier) == (MoveState.FAILED, Tier.ARCHIVE)
        assert "no copy" in failed.last_error

        Fault("", "", "").begins(proxy)
        outside.put_object(Bucket="images", Key=key, Body=whole[key])
        assert move(study, Tier.HOT).state == MoveState.DONE
        assert files() == before

    def test_it_receives_while_it_is_copied(self, study: Study, cloud: Location, outside: Any) -> None:
        before = files()
        with before_step(tar, "header", lambda: keep_study(series=3, instances=3)):
            move(study, Tier.ARCHIVE)
        late = files()
        assert len(late) == 3
        assert len(keys(outside)) == 2
        move(study, Tier.ARCHIVE)
        assert move(study, Tier.HOT).state == MoveState.DONE
        assert files() == before | late

    def test_two_workers_write_one_object(self, study: Study, cloud: Location, outside: Any) -> None:
        """The first was so slow that the second took the move for abandoned, and has done it meanwhile."""
        before = files()

        def second() -> None:
            Move.objects.update(lease_until="2026-01-01T00:00:00Z")
            work(seconds=60)

        with before_step(tar, "header", second):
            done = first_attempt(study, Tier.ARCHIVE)
        go_on()
        done.refresh_from_db()
        assert (done.state, files()) == (MoveState.DONE, {})
        assert len(keys(outside)) == Pack.objects.count() == 2
        assert move(study, Tier.HOT).state == MoveState.DONE
        assert files() == before
