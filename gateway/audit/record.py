"""Put acts on record: rows of a chain in the caller's transaction, or lines of a journal (``settings.AUDIT_TRAIL``)."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from dicomnet.audit import Entry
from gateway.audit import journal
from gateway.audit.actor import current_actor
from gateway.audit.canonical import canonical, clean, detail_text
from gateway.audit.keys import signing_key
from gateway.audit.models import TEXT_LENGTH, AuditRecord, Chain

BATCH = 500


def record(*entries: Entry) -> None:
    """Append within the caller's transaction, or in one of its own.

    Raises:
        DatabaseError: it is not on record, so what was done must not stand either.
    """
    now = timezone.now()
    append((now, known(entry)) for entry in entries)


def note(*entries: Entry) -> None:
    """Write to the journal, from where it comes into a chain within seconds."""
    now = timezone.now()
    journal.write([(now, known(entry)) for entry in entries])


def known(entry: Entry) -> Entry:
    """The same with who is asking, where it does not say who did it."""
    if entry.actor:
        return entry
    actor = current_actor()
    return replace(entry, actor=actor.name, actor_kind=actor.kind, address=entry.address or actor.address)


def append(entries: Iterable[tuple[datetime, Entry]]) -> int:
    """Append to a chain that nobody else holds; returns how many.

    Whoever appends holds its chain until the commit. Others do not wait: they take another, and make one where all are
    held. So no lock of the audit trail can be part of a deadlock, and there are as many chains as transactions that
    were ever under way at once; on SQLite, which has one writer, one.
    """
    count = 0
    rows: list[AuditRecord] = []
    with transaction.atomic(savepoint=False):
        chain: Chain | None = None
        for at, entry in entries:
            chain = chain or _free_chain()
            rows.append(_chained(chain, at, entry))
            if len(rows) >= BATCH:
                AuditRecord.objects.bulk_create(rows)
                rows.clear()
            count += 1
        if chain is not None:
            AuditRecord.objects.bulk_create(rows)
            Chain.objects.filter(pk=chain.pk).update(length=chain.length, head=chain.head)
    return count


def _free_chain() -> Chain:
    return Chain.objects.select_for_update(skip_locked=True).order_by("pk").first() or Chain.objects.create()


def _chained(chain: Chain, at: datetime, entry: Entry) -> AuditRecord:
    """The next record of a chain, whose head it becomes."""
    key = signing_key()
    row = AuditRecord(
        chain=chain,
        sequence=chain.length + 1,
        at=at,
        action=entry.action.value,
        actor=clean(entry.actor, 150),
        actor_kind=entry.actor_kind.value,
        address=clean(entry.address, 64),
        patient_id=clean(entry.patient_id, 64),
        study_instance_uid=clean(entry.study_instance_uid, 64),
        subject=clean(entry.subject, TEXT_LENGTH),
        number=entry.number,
        detail=detail_text(entry.detail),
        key_id=key.ident,
        previous=chain.head,
    )
    row.hash = key.sign(canonical(row))
    chain.length, chain.head = row.sequence, row.hash
    return row
