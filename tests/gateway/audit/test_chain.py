"""The chain: what is appended is verified, triggers refuse, and whoever tampers past them is found."""

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from django.utils import timezone
from pytest_django import Settings

from dicomnet.audit import Action, Entry
from gateway.accounts.models import User
from gateway.audit.anchors import anchor, anchors_file
from gateway.audit.guard import guard, is_guarded, unguard
from gateway.audit.models import AuditRecord, Chain
from gateway.audit.record import append
from gateway.audit.verify import Fault, Looked, verify
from tests.factories import UserFactory
from tests.gateway.audit.conftest import add

TABLE = AuditRecord._meta.db_table
HOSTILE = ["", "=1+1", "\0", "a\ud800b", "\u202eabc", "'; DROP TABLE x", "\\", "%_*?", "\r\n", "😀" * 500, '"', "\x7f"]


def faults() -> list[Fault]:
    return list(verify(Looked()))


def test_what_is_appended_is_verified(trail: None) -> None:
    add(25)
    looked = Looked()

    assert list(verify(looked)) == []
    assert looked.records == 25
    assert Chain.objects.get().length == 25


def test_a_chain_of_anything_at_all_is_verified(trail: None) -> None:
    rng = random.Random(7)
    for _ in range(30):
        entries = [
            Entry(
                rng.choice(list(Action)),
                actor=rng.choice(HOSTILE),
                address=rng.choice(HOSTILE),
                patient_id=rng.choice(HOSTILE),
                study_instance_uid=rng.choice(HOSTILE),
                subject=rng.choice(HOSTILE),
                number=rng.randrange(2**40),
                detail={rng.choice(HOSTILE): rng.choice([*HOSTILE, 1.5, None, [1, {"a": "b"}]])},
            )
            for _ in range(rng.randrange(1, 5))
        ]
        append((timezone.now() - timedelta(microseconds=rng.randrange(10**12)), entry) for entry in entries)
    anchor()

    assert faults() == []


def test_what_is_rolled_back_leaves_nothing_and_no_gap(trail: None) -> None:
    add(3)
    with transaction.atomic():
        add(2)
        transaction.set_rollback(True)
    add(2)

    assert faults() == []
    assert Chain.objects.get().length == 5


@pytest.mark.parametrize("statement", [f"UPDATE {TABLE} SET actor = 'x'", f"DELETE FROM {TABLE}"])  # noqa: S608
def test_the_database_refuses_to_change_a_record(statement: str, guarded: None) -> None:
    add(2)

    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert AuditRecord.objects.count() == 2
    add(1, 2)
    assert faults() == []


def test_the_database_refuses_to_empty_the_table(guarded: None) -> None:
    add(2)
    if connection.vendor == "sqlite":  # it has no TRUNCATE
        return
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {TABLE}")


def test_the_migration_makes_the_triggers(trail: None) -> None:
    assert not is_guarded(connection)  # tests/conftest.py takes them away
    guard(connection)
    assert is_guarded(connection)
    unguard(connection)
    assert not is_guarded(connection)


def edit(pk: int) -> None:
    AuditRecord.objects.filter(pk=pk).update(actor="somebody else")


def edit_time(pk: int) -> None:
    row = AuditRecord.objects.get(pk=pk)
    AuditRecord.objects.filter(pk=pk).update(at=row.at + timedelta(microseconds=1))


def edit_hash(pk: int) -> None:
    AuditRecord.objects.filter(pk=pk).update(hash="0" * 64)


def edit_detail(pk: int) -> None:
    row = AuditRecord.objects.get(pk=pk)
    AuditRecord.objects.filter(pk=pk).update(detail=row.detail.replace(":", ": ", 1))


def remove(pk: int) -> None:
    AuditRecord.objects.filter(pk=pk).delete()


def name_of_another_key(pk: int) -> None:
    AuditRecord.objects.filter(pk=pk).update(key_id="00000000")


@pytest.mark.parametrize("tamper", [edit, edit_time, edit_hash, edit_detail, remove, name_of_another_key])
def test_twenty_of_twenty_tampered_records_are_found_by_name(tamper: Callable[[int], None], trail: None) -> None:
    add(200)
    anchor()
    chosen = random.Random(3).sample(range(2, 200, 2), 20)  # no two side by side
    rows = {row.sequence: row.pk for row in AuditRecord.objects.all()}
    for sequence in chosen:
        tamper(rows[sequence])

    found = {fault.sequence for fault in faults()}

    assert set(chosen) <= found
    # Of a changed hash the record that follows says so too; nothing else is blamed.
    assert found <= {*chosen, *(sequence + 1 for sequence in chosen)}


def test_swapped_records_are_found(trail: None) -> None:
    add(60)
    names = ["at", "actor", "patient_id", "study_instance_uid", "detail", "previous", "hash"]
    pairs = [(number, 60 - number) for number in range(1, 21, 2)]
    for one, other in pairs:
        first, second = (AuditRecord.objects.get(sequence=number) for number in (one, other))
        AuditRecord.objects.filter(pk=first.pk).update(**{name: getattr(second, name) for name in names})
        AuditRecord.objects.filter(pk=second.pk).update(**{name: getattr(first, name) for name in names})

    assert {fault.sequence for fault in faults()} >= {number for pair in pairs for number in pair}


def test_a_record_that_was_put_in_is_found(trail: None) -> None:
    add(10)
    row = AuditRecord.objects.get(sequence=5)
    for sequence in range(11, 31):
        row.pk, row.sequence = None, sequence
        row.save(force_insert=True)

    assert {fault.sequence for fault in faults()} == set(range(11, 31))


def test_a_tail_that_was_cut_off_is_found_by_the_row_of_the_chain(trail: None) -> None:
    add(50)
    AuditRecord.objects.filter(sequence__gt=30).delete()

    (fault,) = faults()
    assert (fault.sequence, fault.count) == (31, 20)


def test_a_tail_that_was_cut_off_with_the_row_of_the_chain_is_found_by_the_anchor(trail: None) -> None:
    add(50)
    anchor()
    AuditRecord.objects.filter(sequence__gt=30).delete()
    last = AuditRecord.objects.get(sequence=30)
    Chain.objects.update(length=30, head=last.hash)

    (fault,) = faults()
    assert (fault.sequence, fault.count) == (31, 20)

    add(40, 30)  # and goes on as if nothing had been
    assert [fault.sequence for fault in faults()] == [50]


def test_a_chain_that_is_gone_is_found(trail: None) -> None:
    add(5)
    anchor()
    AuditRecord.objects.all().delete()
    Chain.objects.all().delete()

    (fault,) = faults()
    assert fault.count == 5


def test_a_changed_anchor_is_found(trail: None) -> None:
    add(5)
    assert anchor()
    assert not anchor()  # nothing is new
    add(5, 5)
    assert anchor()
    text = anchors_file().read_text()
    assert anchors_file().stat().st_mode & 0o777 == 0o600
    assert faults() == []

    anchors_file().write_text(text.replace('[5,"', '[4,"', 1))
    assert "Line 1 of anchors.jsonl" in str(faults()[0])

    anchors_file().write_text("".join(text.splitlines(keepends=True)[1:]))
    assert "Line 1 of anchors.jsonl" in str(faults()[0])


def test_an_anchor_that_a_power_cut_tore_is_written_over(trail: None) -> None:
    add(5)
    anchor()
    with anchors_file().open("a") as file:
        file.write('["gantry-anchor-1","2026')
    add(1, 5)
    anchor()

    assert faults() == []


def test_missing_anchors_are_told_once_there_must_be_some(trail: None) -> None:
    append([(timezone.now() - timedelta(hours=1), Entry(Action.SIGNED_IN, actor="a"))])

    assert "no anchors" in str(faults()[0])


def test_keys_are_rotated(trail: None, settings: Settings) -> None:
    add(3)
    old = settings.GANTRY.audit_keys
    settings.GANTRY = replace(settings.GANTRY, audit_keys=("a new key of at least 32 characters", *old))
    add(3, 3)
    assert faults() == []
    assert len(set(AuditRecord.objects.values_list("key_id", flat=True))) == 2

    settings.GANTRY = replace(settings.GANTRY, audit_keys=settings.GANTRY.audit_keys[:1])
    assert [fault.sequence for fault in faults()] == [1, 2, 3]


def test_the_command_says_what_is_wrong_and_its_exit_status_too(guarded: None) -> None:
    add(20)
    out = StringIO()
    call_command("verifyaudit", stdout=out)
    assert out.getvalue() == "20 records, all as they were written.\n"

    unguard(connection)
    AuditRecord.objects.filter(sequence=7).update(actor="nobody")
    out = StringIO()
    with pytest.raises(CommandError, match="20 records, 2 faults"):
        call_command("verifyaudit", stdout=out)
    assert "Record 1/7" in out.getvalue().replace(f"{Chain.objects.get().pk}/7", "1/7")
    assert "triggers" in out.getvalue()


def test_an_act_that_is_not_recorded_does_not_stand(trail: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE audit_chain RENAME TO elsewhere")
    with pytest.raises(DatabaseError), transaction.atomic():
        UserFactory.create(username="unrecorded")

    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE elsewhere RENAME TO audit_chain")
    assert not User.objects.filter(username="unrecorded").exists()
