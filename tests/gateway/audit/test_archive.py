"""Archived segments: proved before rows go, one chain with what is left, and whoever tampers with either is found."""

import gzip
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from dicomnet.audit import Action, Entry
from gateway.accounts.models import Role
from gateway.audit import archive as archiving
from gateway.audit.anchors import anchor
from gateway.audit.archive import NotArchived, archive
from gateway.audit.guard import guard, is_guarded, unguard
from gateway.audit.models import AuditRecord, Chain, Segment
from gateway.audit.record import append
from gateway.audit.segments import folder
from gateway.audit.syslog.tell import backlog
from gateway.audit.tasks import archive_old
from gateway.audit.verify import Fault, Looked, verify
from tests.api_clients import V1, client_of
from tests.factories import UserFactory
from tests.gateway.audit.conftest import add

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("trail")]
OLD, SEGMENT = 20, 8


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Segments of a few records."""
    monkeypatch.setattr(archiving, "LARGEST", SEGMENT)


def old(count: int = OLD, days: int = 400) -> None:
    """Records of long ago."""
    then = timezone.now() - timedelta(days=days)
    entries = [Entry(Action.ACCESSED, actor=f"p{number}", patient_id="PAT1") for number in range(count)]
    append((then + timedelta(seconds=number), entry) for number, entry in enumerate(entries))


def year_ago() -> Any:
    return timezone.now() - timedelta(days=365)


@pytest.fixture
def archived() -> list[Segment]:
    """Twenty records in three files, behind them their three records and five of today."""
    old()
    add(5)
    anchor()
    made = list(archive(year_ago()))
    anchor()
    return made


def faults() -> list[Fault]:
    return list(verify(Looked()))


def path_of(number: int) -> Path:
    return folder() / list(Segment.objects.all())[number].file


def rewrite(path: Path, change: Callable[[list[str]], list[str]]) -> None:
    """The file with other lines, which is a good file of its kind."""
    with gzip.open(path, "rt") as file:
        lines = file.read().splitlines()
    with gzip.open(path, "wt") as file:
        file.write("".join(f"{line}\n" for line in change(lines)))


def test_old_records_are_files_and_the_chain_is_one(archived: list[Segment]) -> None:
    assert [(each.first_sequence, each.last_sequence) for each in archived] == [(1, 8), (9, 16), (17, 20)]
    assert AuditRecord.objects.filter(sequence__lte=OLD).count() == 0
    looked = Looked()
    assert list(verify(looked)) == []
    assert (looked.records, looked.archived) == (OLD + 5 + 3, OLD)
    with gzip.open(path_of(0), "rt") as file:
        header, first, *_ = map(json.loads, file)
    assert (header["first"], header["last"], header["count"], header["head"]) == (1, 8, 8, archived[0].head)
    assert (first["sequence"], first["actor"], first["patient_id"]) == (1, "p0", "PAT1")
    assert path_of(0).stat().st_mode & 0o777 == 0o600
    seal = AuditRecord.objects.filter(action=Action.AUDIT_ARCHIVED).order_by("pk").first()
    assert seal is not None
    assert json.loads(seal.detail) == {
        "chain": archived[0].chain_id,
        "first": 1,
        "last": 8,
        "count": 8,
        "head": archived[0].head,
        "sha256": archived[0].sha256,
    }


def test_it_goes_on_where_it_ended(archived: list[Segment]) -> None:
    assert list(archive(year_ago())) == []
    add(3, 5)

    made = list(archive(timezone.now()))

    assert made[0].first_sequence == OLD + 1
    assert made[0].previous == archived[-1].head
    assert faults() == []


def test_a_chain_may_be_archived_to_its_end() -> None:
    old(4)
    anchor()
    chain = Chain.objects.get()
    (made,) = archive(year_ago())
    assert (made.last_sequence, made.head) == (4, chain.head)
    assert faults() == []


def test_all_triggers_are_there_and_let_archived_rows_go_alone() -> None:
    guard(connection)
    assert is_guarded(connection)
    old()
    add(2)
    anchor()
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        AuditRecord.objects.filter(sequence=1)._raw_delete(connection.alias)

    list(archive(year_ago()))

    assert AuditRecord.objects.count() == 5
    for act in (
        lambda: AuditRecord.objects.filter(sequence=OLD + 1)._raw_delete(connection.alias),
        lambda: Segment.objects.update(head="0" * 64),
        lambda: Segment.objects.all()._raw_delete(connection.alias),
    ):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            act()
    assert faults() == []
    unguard(connection)


def test_a_segment_that_is_made_up_to_have_records_removed_is_found() -> None:
    guard(connection)
    old(6)
    add(3)
    anchor()
    chain = Chain.objects.get()
    head = AuditRecord.objects.get(sequence=6).hash
    now = timezone.now()
    Segment.objects.create(
        chain=chain, first_sequence=1, last_sequence=6, first_at=now, last_at=now, head=head, file="x", sha256="0" * 64
    )
    AuditRecord.objects.filter(sequence__lte=6)._raw_delete(connection.alias)

    found = faults()

    assert {fault.sequence for fault in found} == {1}
    assert "not written by Gantry" in str(found[0])
    assert sum(fault.count for fault in found[1:]) == 6
    unguard(connection)


def edit(lines: list[str]) -> list[str]:
    return [*lines[:3], lines[3].replace('"actor":"p2"', '"actor":"somebody else"'), *lines[4:]]


def remove(lines: list[str]) -> list[str]:
    return [*lines[:3], *lines[4:]]


def swap(lines: list[str]) -> list[str]:
    return [*lines[:3], lines[4], lines[3], *lines[5:]]


def truncate(lines: list[str]) -> list[str]:
    return lines[:3]


def put_in(lines: list[str]) -> list[str]:
    return [*lines[:3], lines[2], *lines[3:]]


def add_a_line(lines: list[str]) -> list[str]:
    return [*lines, lines[-1]]


def no_record(lines: list[str]) -> list[str]:
    return [*lines[:3], '{"sequence":"3"}', *lines[4:]]


def other_header(lines: list[str]) -> list[str]:
    return [lines[0].replace('"first":1', '"first":2'), *lines[1:]]


@pytest.mark.parametrize(
    ("change", "sequences"),
    [
        (edit, {3}),
        (remove, {3}),
        (swap, {3}),
        (truncate, {3}),
        (put_in, {2}),
        (add_a_line, {8}),
        (no_record, {3}),
        (other_header, {1}),
    ],
    ids=lambda value: value.__name__ if callable(value) else None,
)
def test_a_changed_file_is_found_and_the_record_by_name(
    change: Callable[[list[str]], list[str]], sequences: set[int], archived: list[Segment]
) -> None:
    rewrite(path_of(0), change)

    found = faults()

    assert "not the one that was written" in str(found[0])
    assert sequences <= {fault.sequence for fault in found[1:]}
    assert {fault.sequence for fault in found} <= {1, *range(min(sequences), 9)}


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def noise(path: Path) -> None:
    path.write_bytes(b"\0" * 500)


@pytest.mark.parametrize("harm", [cut, empty, noise])
def test_a_damaged_file_is_found(harm: Callable[[Path], None], archived: list[Segment]) -> None:
    harm(path_of(1))

    found = faults()

    assert len(found) == 2
    assert archived[1].file in str(found[1])
    assert {fault.sequence for fault in found} <= set(range(9, 17))


def test_a_missing_file_is_named_with_what_was_in_it(archived: list[Segment]) -> None:
    path_of(1).unlink()

    (fault,) = faults()

    assert (fault.sequence, fault.count) == (9, 8)
    assert f"{archived[1].file} is missing, with 8 records" in str(fault)


def test_swapped_files_are_found(archived: list[Segment]) -> None:
    one, other = path_of(0).read_bytes(), path_of(1).read_bytes()
    path_of(0).write_bytes(other)
    path_of(1).write_bytes(one)

    assert {fault.sequence for fault in faults()} == {1, 9}


@pytest.mark.parametrize(
    "values", [{"sha256": "0" * 64}, {"head": "0" * 64}, {"last_sequence": 7}, {"file": "y"}, {"signature": "0" * 64}]
)
def test_a_changed_segment_is_found(values: dict[str, Any], archived: list[Segment]) -> None:
    Segment.objects.filter(first_sequence=1).update(**values)

    assert "not written by Gantry" in str(faults()[0])


def test_a_segment_that_is_gone_with_its_file_is_missed(archived: list[Segment]) -> None:
    path_of(0).unlink()
    Segment.objects.filter(first_sequence=1).delete()

    (fault,) = faults()
    assert (fault.sequence, fault.count) == (1, 8)


def test_all_segments_and_the_chain_that_are_gone_are_missed(archived: list[Segment]) -> None:
    for number in range(3):
        path_of(number).unlink()
    Segment.objects.all().delete()
    AuditRecord.objects.all().delete()
    Chain.objects.all().delete()

    assert [fault.count for fault in faults()] == [OLD + 5 + 3]


def test_records_that_come_back_beside_their_segment_are_found(archived: list[Segment]) -> None:
    AuditRecord.objects.create(chain=archived[0].chain, sequence=4, at=timezone.now(), action="accessed", hash="x")

    assert 4 in {fault.sequence for fault in faults()}


def test_a_trail_that_was_tampered_with_is_not_archived() -> None:
    old()
    AuditRecord.objects.filter(sequence=11).update(actor="x")

    made: list[Segment] = []
    with pytest.raises(NotArchived, match="/11: it was changed"):
        made.extend(archive(year_ago()))
    assert AuditRecord.objects.filter(sequence__gte=9).count() == 12 + Segment.objects.count()
    assert list(folder().glob(".*")) == []


def test_what_a_crash_left_between_file_and_rows_is_written_again(monkeypatch: pytest.MonkeyPatch) -> None:
    old(5)
    anchor()

    def killed(*args: object) -> str:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(archiving, "sha256_of", killed)
        with pytest.raises(KeyboardInterrupt):
            list(archive(year_ago()))
    assert AuditRecord.objects.count() == 5
    assert faults() == []

    assert len(list(archive(year_ago()))) == 1
    assert faults() == []


def test_what_the_disk_did_not_keep_is_not_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    old(5)

    def write_badly(path: Path, *args: Any) -> None:
        path.write_bytes(gzip.compress(b"{}\n"))

    monkeypatch.setattr(archiving, "write", write_badly)
    with pytest.raises(NotArchived, match="read back"):
        list(archive(year_ago()))
    assert AuditRecord.objects.count() == 5


def test_what_the_syslog_receiver_does_not_have_yet_stays(settings: Settings) -> None:
    settings.GANTRY = replace(settings.GANTRY, audit_syslog=("tls", "127.0.0.1", 1))
    old()

    assert list(archive(year_ago())) == []


def test_what_was_archived_before_there_was_a_receiver_is_no_backlog(archived: list[Segment]) -> None:
    assert backlog() == 8


def test_keys_that_were_rotated_verify_segments(archived: list[Segment], settings: Settings) -> None:
    old_keys = settings.GANTRY.audit_keys
    settings.GANTRY = replace(settings.GANTRY, audit_keys=("a new key of at least 32 characters", *old_keys))
    assert faults() == []
    settings.GANTRY = replace(settings.GANTRY, audit_keys=settings.GANTRY.audit_keys[:1])
    assert {fault.sequence for fault in faults()} >= {1, 9, 17}


def test_the_command() -> None:
    old()
    anchor()
    out = StringIO()
    call_command("archiveaudit", "--keep-days", "365", stdout=out)
    assert f"20 records archived in 3 files under {folder()}." in out.getvalue()
    out = StringIO()
    with pytest.raises(CommandError, match="23 records, 1 fault:"):
        call_command("verifyaudit", stdout=out)
    guard(connection)
    call_command("verifyaudit", stdout=out)
    assert "23 records (20 of them archived), all as they were written." in out.getvalue()
    unguard(connection)

    for options in (("--keep-days", "0"), ("--before", "2999-01-01"), ("--before", "soon"), ()):
        with pytest.raises(CommandError):
            call_command("archiveaudit", *options, stdout=StringIO())


def test_beat_archives_only_where_it_is_asked_to(settings: Settings) -> None:
    old()
    archive_old()
    assert not Segment.objects.exists()

    settings.GANTRY = replace(settings.GANTRY, audit_keep_days=365)
    archive_old()
    assert Segment.objects.count() == 3


def test_pages_and_api_say_when_a_period_reaches_into_the_archive(archived: list[Segment]) -> None:
    client = Client()
    client.force_login(UserFactory.create(username="ada", role=Role.ADMINISTRATOR))
    day = timezone.now().date()
    words = "are archived in files"
    assert words in client.get("/audit/").content.decode()
    assert words not in client.get(f"/audit/?from={day}").content.decode()
    assert words not in client.get("/audit/?to=2001-01-01").content.decode()
    assert "may be archived in files" in client.get("/audit/disclosures/?patient_id=PAT1").content.decode()
    assert (
        client.get("/audit/audit.csv").headers["X-Gantry-Archived-Until"].startswith(str(archived[-1].last_at.date()))
    )

    api: Any = client_of("administrator")
    assert api.get(f"{V1}/audit").json()["archived_until"] is not None
    assert api.get(f"{V1}/audit?from={day}").json()["archived_until"] is None
