"""Sources that abort, break off or bring less than they said, and askers who no longer want what they asked for."""

import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.utils import timezone

from spanner.errors import FetchRefused
from spanner.fetch import claim
from spanner.fetch.ask import cancel, fetch_study
from spanner.fetch.carry_out import carry_out, work
from spanner.fetch.wait import why_not_here
from spanner.models import Fetch, FetchState, Source
from studies.models import Instance
from tests.http_peer import Reply, Request
from tests.modality import wait_until
from tests.spanner.archives import dicomweb_archive
from tests.spanner.conftest import Federate
from tests.spanner.fetch.holding import STUDY, a_study, data_sets, get_archive, qrscp, stored

pytestmark = [pytest.mark.embedded, pytest.mark.django_db(transaction=True)]
Make = Callable[..., Source]


def carried_out(fetch: Fetch) -> Fetch:
    work(seconds=60)
    fetch.refresh_from_db()
    return fetch


def test_the_next_source_brings_what_the_first_did_not(tmp_path: Path, dimse: Make, federate: Federate) -> None:
    files = a_study(tmp_path / "files", 6)
    with get_archive(files, aborts_after=2) as first, get_archive(files) as second:
        config = federate(dimse("First", first.port), dimse("Second", second.port))
        fetch = carried_out(fetch_study(config, STUDY, by="anna"))
    assert (fetch.state, fetch.last_error) == (FetchState.DONE, "")
    assert stored() == data_sets(files)
    assert len(first.sent) == 2
    assert sorted(second.sent) == sorted(set(data_sets(files)) - set(first.sent))
    assert fetch.source is not None
    assert fetch.source.name == "Second"


def test_a_source_that_brings_less_than_it_said(tmp_path: Path, dimse: Make, federate: Federate) -> None:
    files = a_study(tmp_path / "files", 6)
    with get_archive(files, keeps_back=2) as peer:
        config = federate(dimse("North", peer.port))
        fetch = carried_out(fetch_study(config, STUDY, by="anna"))
    assert fetch.state == FetchState.WAITING
    assert fetch.last_error == ("2 of 6 instances are missing. North: it sent 2 fewer instances than it says it has.")
    assert (fetch.instances_expected, fetch.instances_arrived, len(stored())) == (6, 4, 4)


def test_after_some_attempts_it_fails_and_says_how_many_are_missing(
    tmp_path: Path, dimse: Make, federate: Federate
) -> None:
    files = a_study(tmp_path / "files", 3)
    with get_archive(files, keeps_back=1) as peer:
        config = federate(dimse("North", peer.port))
        fetch = fetch_study(config, STUDY, by="anna")
        for _ in range(claim.MAXIMUM_ATTEMPTS):
            Fetch.objects.update(next_attempt_at=timezone.now())
            work(seconds=60)
    fetch.refresh_from_db()
    assert (fetch.state, fetch.attempts) == (FetchState.FAILED, claim.MAXIMUM_ATTEMPTS)
    assert fetch.last_error.startswith("1 of 3 instances are missing.")
    assert len(peer.sent) == 2  # what had arrived is not asked for again
    assert fetch_study(config, STUDY, by="anna").pk != fetch.pk


def test_an_answer_of_wado_that_is_cut_off(tmp_path: Path, dicomweb: Make, dimse: Make, federate: Federate) -> None:
    files = a_study(tmp_path / "files", 4, pixels=1_000)
    body = b"".join(b"--x\r\nContent-Type: application/dicom\r\n\r\n" + path.read_bytes() + b"\r\n" for path in files)
    cut = body[: len(body) * 5 // 8]

    def answer(request: Request) -> Reply:
        path = urlsplit(request.path).path
        if path.endswith("/studies"):
            rows = [{"0020000D": _ui(STUDY), "00201208": {"vr": "IS", "Value": [4]}}]
        elif path.endswith("/instances"):
            rows = [
                {"0020000D": _ui(STUDY), "0020000E": _ui(file.stem.rpartition(".")[0]), "00080018": _ui(file.stem)}
                for file in files
            ]
        else:
            return Reply(200, cut, {"Content-Type": 'multipart/related; type="application/dicom"; boundary=x'})
        return Reply(200, json.dumps(rows).encode(), {"Content-Type": "application/dicom+json"})

    with dicomweb_archive(answer=answer) as (url, _), get_archive(files) as second:
        config = federate(dicomweb("Cut", url))
        fetch = carried_out(fetch_study(config, STUDY, by="anna"))
        assert fetch.last_error == (
            "2 of 4 instances are missing. Cut: its answer is cut off or malformed: "
            "the body ends before its last delimiter."
        )
        assert stored() == data_sets(files[:2])
        config.members.create(source=dimse("Second", second.port), priority=9)
        Fetch.objects.update(next_attempt_at=timezone.now())
        assert carried_out(fetch).state == FetchState.DONE
    assert stored() == data_sets(files)
    assert len(second.sent) == 2


def test_two_askers_share_one_fetch(tmp_path: Path, dimse: Make, federate: Federate) -> None:
    files = a_study(tmp_path / "files", 2)
    with get_archive(files) as peer:
        config = federate(dimse("North", peer.port))
        first = fetch_study(config, STUDY, by="anna", series_uids=[f"{STUDY}.1"])
        second = fetch_study(config, STUDY, by="bert", priority=1)
        assert first.pk == second.pk
        assert (second.series_instance_uids, second.priority) == ([], 1)
        assert carried_out(first).state == FetchState.DONE
    assert sorted(peer.sent) == sorted(data_sets(files))


def test_who_waits_is_told_why_it_is_not_here(tmp_path: Path, dimse: Make, federate: Federate) -> None:
    files = a_study(tmp_path / "files", 2)
    with get_archive(files) as peer:
        config = federate(dimse("North", peer.port))
        words = why_not_here(config, STUDY, by="anna", wait_seconds=0)
        assert words == "It is still being brought: 0 of 0 instances are here."
        work(seconds=60)
        assert why_not_here(config, STUDY, by="anna", wait_seconds=0) == ""
        assert why_not_here(config, "no uid", by="anna", wait_seconds=0)


def test_a_cancelled_fetch_stops_and_keeps_what_has_come(tmp_path: Path, dimse: Make, federate: Federate) -> None:
    files = a_study(tmp_path / "files", 4)
    with get_archive(files) as peer:
        peer.gate.clear()
        config = federate(dimse("North", peer.port))
        fetch = fetch_study(config, STUDY, by="anna")
        thread = threading.Thread(target=_work, daemon=True)
        thread.start()
        wait_until(lambda: len(peer.sent) == 1 and Instance.objects.exists())
        assert cancel(fetch)
        thread.join(60)
        assert not thread.is_alive()
        peer.gate.set()
    fetch.refresh_from_db()
    assert fetch.state == FetchState.CANCELLED
    assert len(stored()) == 1
    assert not cancel(fetch)


def test_a_worker_whose_lease_ran_out_gives_up(tmp_path: Path, dimse: Make, federate: Federate) -> None:
    files = a_study(tmp_path / "files", 4)
    with get_archive(files) as peer:
        peer.gate.clear()
        config = federate(dimse("North", peer.port))
        fetch = fetch_study(config, STUDY, by="anna")
        lost = claim.claim()
        assert lost is not None
        thread = threading.Thread(target=_carry_out, args=(lost,), daemon=True)
        thread.start()
        wait_until(lambda: len(peer.sent) == 1 and Instance.objects.exists())
        # As if its process were gone: its lease has run out, and another worker has begun.
        Fetch.objects.update(lease_until=timezone.now() - claim.LEASE)
        peer.gate.set()
        assert carried_out(fetch).state == FetchState.DONE
        thread.join(60)
    assert stored() == data_sets(files)
    fetch.refresh_from_db()
    assert (fetch.state, fetch.instances_arrived, fetch.attempts) == (FetchState.DONE, 4, 1)


def test_no_room_here_is_nobody_elses_fault(
    tmp_path: Path, dimse: Make, federate: Federate, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = a_study(tmp_path / "files", 2)

    def full(*args: object) -> None:
        raise OSError(28, os.strerror(28))

    with qrscp(tmp_path / "peer", files) as port:
        config = federate(dimse("North", port, ae_title="QRSCP"))
        with monkeypatch.context() as patched:
            patched.setattr("studies.sink.os.fdatasync", full)
            fetch = carried_out(fetch_study(config, STUDY, by="anna"))
        assert (fetch.state, fetch.attempts) == (FetchState.WAITING, 0)
        assert fetch.last_error.startswith("nothing can be stored here now: ")


def test_what_is_no_uid_is_not_asked_for(federate: Federate) -> None:
    config = federate()
    with pytest.raises(FetchRefused):
        fetch_study(config, "1.2\\1.3", by="anna")
    config.is_enabled = False
    with pytest.raises(FetchRefused, match="switched off"):
        fetch_study(config, "1.2", by="anna")


def _ui(uid: str) -> dict[str, object]:
    return {"vr": "UI", "Value": [uid]}


def _work() -> None:
    from django.db import connection

    work(seconds=60)
    connection.close()


def _carry_out(fetch: Fetch) -> None:
    from django.db import connection

    carry_out(fetch)
    connection.close()
