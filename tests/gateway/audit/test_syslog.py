"""The syslog receiver is told of every record at least once, whoever of both sides is lost meanwhile."""

import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import transaction
from django.utils import timezone
from pytest_django import Settings

from dicomnet.tls import TlsFiles
from gateway.audit.models import AuditRecord, Chain, Teller, Told
from gateway.audit.syslog import tell as telling
from gateway.audit.syslog.tell import backlog, standing, tell
from gateway.health import audit_checks
from gateway.metrics import RowCollector
from gateway.nodes.lights import Lights
from gateway.nodes.outbox import Outbox
from tests.certificates import Authority, authority
from tests.gateway.audit.conftest import add
from tests.gateway.audit.receiver import Receiver, receiving
from tests.gateway.audit.schema import valid

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("trail")]


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return authority(tmp_path_factory.mktemp("ca"))


Direct = Callable[..., None]


@pytest.fixture
def direct(settings: Settings) -> Direct:
    """Have the trail told to a port of loopback."""

    def point(port: int, scheme: str = "tls", ca: Path | None = None, shown: TlsFiles | None = None) -> None:
        files = TlsFiles(shown.cert if shown else None, shown.key if shown else None, ca)
        receiver = (scheme, "127.0.0.1", port)
        settings.GANTRY = replace(settings.GANTRY, audit_syslog=receiver, audit_syslog_tls=files)

    return point


@pytest.fixture
def receiver(ca: Authority, direct: Direct) -> Iterator[Receiver]:
    with receiving(ca.issue("receiver")) as found:
        direct(found.port, ca=ca.cert)
        yield found


def names(receiver: Receiver) -> list[str]:
    """Of the records that came, in their order."""
    found = []
    for message in receiver.messages:
        root = valid(message.partition(b"\xef\xbb\xbf")[2])
        idents = [each.get("ParticipantObjectID", "") for each in root.iter("ParticipantObjectIdentification")]
        found.append(next(ident for ident in idents if ident.startswith("gantry-audit:")).removeprefix("gantry-audit:"))
    return found


def on_record() -> list[str]:
    return [
        f"{chain}/{sequence}" for chain, sequence in AuditRecord.objects.order_by("pk").values_list("chain", "sequence")
    ]


def test_nobody_is_told_by_default() -> None:
    add(3)

    assert tell() == 0
    assert not Teller.objects.exists()


def test_all_that_is_on_record_is_told_over_tls(receiver: Receiver) -> None:
    add(7)

    assert tell() == 7
    assert names(receiver) == on_record()
    assert receiver.messages[0].startswith(b"<85>1 20")
    assert tell() == 0
    add(2, 7)
    assert backlog() == 2
    assert tell() == 2
    assert names(receiver) == on_record()
    assert (backlog(), receiver.connections) == (0, 2)


def test_more_than_a_batch_is_told_in_several(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telling, "BATCH", 4)
    add(10)

    assert tell() == 10
    assert names(receiver) == on_record()
    assert receiver.connections == 3


def test_records_of_several_chains_are_told_each_in_its_order(receiver: Receiver) -> None:
    add(3)
    first = Chain.objects.get()
    other = Chain.objects.create()
    Chain.objects.filter(pk=first.pk).update(length=3)
    rows = list(AuditRecord.objects.order_by("pk"))
    for row in rows:
        row.pk, row.chain = None, other
        row.save(force_insert=True)
    Chain.objects.filter(pk=other.pk).update(length=3)

    assert tell() == 6
    assert names(receiver) == on_record()


def test_a_receiver_that_shows_no_close_notify_is_believed_by_its_orderly_end(receiver: Receiver) -> None:
    receiver.is_silent_at_end = True
    add(3)

    assert tell() == 3
    assert names(receiver) == on_record()


def test_what_a_receiver_did_not_read_to_its_end_is_sent_again(receiver: Receiver) -> None:
    receiver.breaks_off = 1
    add(5)

    assert tell() == 0
    found = standing()
    assert (found.failures, backlog()) == (1, 5)
    assert found.words
    assert tell() == 0  # it is too early to try again
    assert receiver.connections == 1

    Teller.objects.update(next_attempt_at=timezone.now() - timedelta(seconds=1))
    assert tell() == 5
    assert names(receiver) == on_record()
    assert (standing().failures, standing().words) == (0, "")


def test_a_receiver_that_was_away_is_told_when_it_is_back(ca: Authority, direct: Direct, settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    direct(port, ca=ca.cert)
    add(2)
    for pause in (5, 10, 20):
        Teller.objects.update(next_attempt_at=None)
        before = timezone.now()
        tell()
        put_off_to = Teller.objects.get().next_attempt_at
        assert put_off_to is not None
        assert before + timedelta(seconds=pause) <= put_off_to <= timezone.now() + timedelta(seconds=pause)
    assert [check.is_ok for check in audit_checks()] == [False]
    lights = Lights("north", Outbox(settings.GANTRY.run_dir))
    lights._were = {"Audit receiver": True}
    lights.look()

    with receiving(ca.issue("receiver"), port=port) as found:
        Teller.objects.update(next_attempt_at=None)
        assert tell() == 2
        assert names(found) == on_record()
    lights.look()
    assert [
        event.kind for _, event in Outbox(settings.GANTRY.run_dir).waiting() if event.subject == "Audit receiver"
    ] == [
        "light_bad",
        "light_ok",
    ]


def test_a_worker_that_was_lost_after_sending_repeats_and_loses_nothing(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(4)

    def killed(*args: object) -> bool:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(telling, "_note", killed)
        with pytest.raises(KeyboardInterrupt):
            tell()
    assert tell() == 0  # its lease holds
    Teller.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    add(1, 4)

    assert tell() == 5
    assert names(receiver) == [*on_record()[:4], *on_record()]


def test_two_at_once_do_not_both_send(receiver: Receiver) -> None:
    add(3)
    assert telling._take() is not None

    assert tell() == 0
    assert receiver.connections == 0


def test_who_lost_the_lease_notes_nothing(receiver: Receiver) -> None:
    add(3)
    teller = telling._take()
    assert teller is not None
    Teller.objects.update(lease_token="of another")

    assert not telling._note(teller, list(AuditRecord.objects.all()))
    assert not Told.objects.exists()


def test_what_is_rolled_back_is_never_told(receiver: Receiver) -> None:
    add(1)
    with transaction.atomic():
        add(2, 1)
        transaction.set_rollback(True)

    assert tell() == 1


def test_a_receiver_that_nobody_vouches_for_is_told_nothing(ca: Authority, direct: Direct, tmp_path: Path) -> None:
    other = authority(tmp_path, "Other CA")
    with receiving(other.issue("receiver")) as found:
        direct(found.port, ca=ca.cert)
        add(1)
        assert tell() == 0

    assert found.messages == []
    assert "certificate" in standing().words


def test_a_certificate_is_shown_to_a_receiver_that_wants_one(ca: Authority, direct: Direct) -> None:
    shown = ca.issue("gantry")
    with receiving(ca.issue("receiver"), ca=ca) as found:
        direct(found.port, ca=ca.cert)
        add(1)
        assert tell() == 0
        Teller.objects.update(next_attempt_at=None)
        direct(found.port, ca=ca.cert, shown=TlsFiles(shown.cert, shown.key, None))
        assert tell() == 1
        assert names(found) == on_record()


def test_a_file_that_cannot_be_used_is_named_by_its_variable(direct: Direct, tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("")
    direct(1, ca=tmp_path / "empty.pem")
    add(1)

    assert tell() == 0
    assert "GANTRY_AUDIT_SYSLOG_CA" in standing().words


def test_plain_tcp_where_it_is_asked_for(direct: Direct) -> None:
    with receiving() as found:
        direct(found.port, scheme="tcp")
        add(3)
        assert tell() == 3
        assert names(found) == on_record()
        found.breaks_off = 1
        add(1, 3)
        assert tell() == 0
        Teller.objects.update(next_attempt_at=None)
        assert tell() == 1
        assert names(found) == on_record()


def test_the_backlog_is_a_metric(receiver: Receiver) -> None:
    add(3)

    found = {metric.name: metric.samples[0].value for metric in RowCollector().collect() if metric.samples}

    assert found["gantry_audit_syslog_backlog"] == 3
    assert found["gantry_audit_syslog_failures"] == 0
