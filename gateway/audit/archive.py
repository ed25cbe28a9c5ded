"""Close the oldest part of each chain into a file that is proved, and only then remove its rows.

A crash at any point leaves the rows, or a signed segment with its file: the file is durable and was read back before
one transaction writes the segment, puts it on record and removes the rows.
"""

import fcntl
import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Max, Min

from dicomnet.audit import Action, Entry
from gateway.audit import journal
from gateway.audit.keys import signing_key
from gateway.audit.models import AuditRecord, Chain, Segment, Told
from gateway.audit.record import record
from gateway.audit.segments import BadSegment, canonical_row, file_name, folder, read, sha256_of, write
from gateway.audit.verify import CHUNK, wrong_by_itself

logger = logging.getLogger(__name__)
LARGEST = 20_000  # records of a segment: one transaction removes them


class NotArchived(Exception):
    """Nothing more was removed; the message is one sentence that says why."""


def archive(before: datetime) -> Iterator[Segment]:
    """Archive what is older than this, segment by segment; each is yielded once its rows are gone.

    Of each chain its beginning goes, up to the first record that is not older. What a syslog receiver has not been told
    of stays.

    Raises:
        NotArchived: a record is not what was written, a file could not be proved, or another process archives.
        OSError, DatabaseError: the disk, or the database, does not take it.
    """
    with _alone():
        for chain in Chain.objects.order_by("pk"):
            while (segment := _due(chain, before)) is not None:
                _close(segment)
                yield segment


@contextmanager
def _alone() -> Iterator[None]:
    with (journal.folder() / "archiving.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise NotArchived("Another process archives the audit trail now.") from error
        yield


def _due(chain: Chain, before: datetime) -> Segment | None:
    """The next segment of a chain, not saved; None when nothing of it is old enough."""
    done = chain.segments.order_by("-last_sequence").first()
    first = done.last_sequence + 1 if done else 1
    young = AuditRecord.objects.filter(chain=chain, sequence__gte=first, at__gte=before)
    end = young.aggregate(sequence=Min("sequence"))["sequence"] or chain.length + 1
    last = min(end - 1, first + LARGEST - 1, _told(chain))
    if last < first:
        return None
    rows = AuditRecord.objects.filter(chain=chain, sequence__range=(first, last))
    found = rows.aggregate(first_at=Min("at"), last_at=Max("at"))
    head = rows.filter(sequence=last).values_list("hash", flat=True).first()
    if head is None:
        raise NotArchived(f"Record {chain.pk}/{last} is missing; verifyaudit says what else is. It was not archived.")
    return Segment(
        chain=chain,
        first_sequence=first,
        last_sequence=last,
        previous=done.head if done else "",
        head=head,
        file=file_name(chain.pk, first, last),
        **found,
    )


def _told(chain: Chain) -> int:
    """How far the chain may go for the sake of a syslog receiver."""
    if settings.GANTRY.audit_syslog is None:
        return chain.length
    return Told.objects.filter(chain=chain).values_list("sequence", flat=True).first() or 0


def _close(segment: Segment) -> None:
    path = folder() / segment.file
    found = AuditRecord.objects.filter(
        chain=segment.chain_id, sequence__range=(segment.first_sequence, segment.last_sequence)
    )
    rows = found.order_by("sequence", "pk").iterator(chunk_size=CHUNK)
    write(path, segment, _proved(segment, rows))
    try:
        for _ in _proved(segment, read(path, segment)):
            pass
    except BadSegment as error:
        raise NotArchived(f"{path} was read back, and {error}. Nothing was removed.") from error
    segment.sha256 = sha256_of(path)
    key = signing_key()
    segment.key_id = key.ident
    segment.signature = key.sign(canonical_row(segment))
    with transaction.atomic():
        segment.save(force_insert=True)
        record(_entry(segment))
        removed = found._raw_delete(connection.alias)
        if removed != segment.count:
            raise NotArchived(f"{removed:,} rows stand for {segment.count:,} records. Nothing was removed.")
    logger.info("audit trail archived", extra={"file": segment.file, "count": segment.count})


def _proved(segment: Segment, rows: Iterable[AuditRecord]) -> Iterator[AuditRecord]:
    """The same rows, all of them, each as it was written and behind the one before."""
    sequence, previous = segment.first_sequence, segment.previous
    for row in rows:
        wrong = wrong_by_itself(row)
        if wrong or row.sequence != sequence or row.previous != previous:
            words = wrong or "it does not follow the record before it"
            raise NotArchived(f"Record {segment.chain_id}/{sequence}: {words}. Nothing of it was removed.")
        sequence, previous = sequence + 1, row.hash
        yield row
    if sequence != segment.last_sequence + 1 or previous != segment.head:
        raise NotArchived(f"Record {segment.chain_id}/{sequence}: it is missing. Nothing was removed.")


def _entry(segment: Segment) -> Entry:
    detail = {
        "chain": segment.chain_id,
        "first": segment.first_sequence,
        "last": segment.last_sequence,
        "count": segment.count,
        "head": segment.head,
        "sha256": segment.sha256,
    }
    return Entry(Action.AUDIT_ARCHIVED, subject=segment.file, detail=detail)
