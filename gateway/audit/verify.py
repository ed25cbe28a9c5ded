"""Whether the audit trail is what was written: every record, in flat memory, and what is wrong by name."""

import hmac
import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from django.db.models import F
from django.utils import timezone

from gateway.audit.anchors import Anchor, anchors_file, read_anchors
from gateway.audit.canonical import canonical
from gateway.audit.keys import Key, known_keys
from gateway.audit.models import AuditRecord, Chain, Segment
from gateway.audit.segments import BadSegment, folder, is_signed, read, sha256_of

CHUNK = 2_000
ANCHORED_AFTER = timedelta(minutes=30)


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong.

    Attributes:
        chain: which one; 0: none in particular.
        sequence: place in the chain of the record, or of the first that is missing; 0: of none.
        count: how many records it is about.
    """

    chain: int
    sequence: int
    words: str
    count: int = 1

    def __str__(self) -> str:
        place = f"Record {self.chain}/{self.sequence}: " if self.sequence else ""
        return f"{place}{self.words}."


class Written:
    """A file of anchors as far as it was written at one moment."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._size_bytes = path.stat().st_size if path.exists() else 0

    def __iter__(self) -> Iterator[Anchor]:
        return read_anchors(self.path, self._size_bytes) if self._size_bytes else iter(())

    def heads_of(self, chain: int) -> Iterator[tuple[int, str]]:
        """(sequence, hash) of one chain, in order; the file is read once for each, for there are few chains."""
        before = 0
        for anchor in self:
            length, head = anchor.heads.get(chain, (0, ""))
            if length > before:
                before = length
                yield length, head


@dataclass
class Looked:
    """How many records were looked at so far, and how many of them in files."""

    records: int = 0
    archived: int = 0


@dataclass(frozen=True)
class Unread:
    """Archived records that cannot be looked at, up to one whose hash is known."""

    first: int
    last: int
    last_hash: str
    words: str


def verify(looked: Looked, anchors: Path | None = None) -> Iterator[Fault]:
    """Everything that is wrong, chain by chain.

    Args:
        looked: counts along.
        anchors: a file of anchors, such as a copy that is kept elsewhere; None: that of this host.
    """
    written = Written(anchors or anchors_file())  # first: what is appended meanwhile is on no side of the comparison
    yield from check_anchors(written)
    chains = list(Chain.objects.order_by("pk"))
    for chain in chains:
        found = AuditRecord.objects.filter(chain=chain.pk, sequence__lte=chain.length).order_by("sequence", "pk")
        rows = _counted(found.iterator(chunk_size=CHUNK), looked)
        whole = itertools.chain(_archived(chain, looked), rows)
        yield from check_chain(chain, whole, known_keys(), written.heads_of(chain.pk))
    yield from _strays()
    yield from _lost_chains(written, {chain.pk for chain in chains})


def check_chain(
    chain: Chain,
    rows: Iterable[AuditRecord | Unread | Fault],
    keys: Mapping[str, Key],
    anchored: Iterator[tuple[int, str]],
) -> Iterator[Fault]:
    """What is wrong with one chain; pure.

    Args:
        chain: its row, which knows how long it is.
        rows: its records as they are found, in the order of their sequence; between them what was wrong with the files
            of archived ones.
        keys: by their names.
        anchored: (sequence, hash) pairs that were written down elsewhere, in order.
    """
    last_sequence, last_pk, last_hash = 0, 0, ""
    noted = next(anchored, None)
    for row in rows:
        if isinstance(row, Fault):
            yield row
            continue
        if isinstance(row, Unread):
            yield Fault(chain.pk, row.first, row.words, row.last - row.first + 1)
            last_sequence, last_hash = max(row.last, last_sequence), row.last_hash
            continue
        number = row.sequence
        missing = number - last_sequence - 1
        if missing > 0:
            yield Fault(chain.pk, last_sequence + 1, _missing(missing), missing)
        elif missing < 0:
            yield Fault(chain.pk, number, f"it stands at a place that is taken (row {row.pk})")
        wrong = wrong_by_itself(row, keys)
        if wrong:
            yield Fault(chain.pk, number, f"{wrong} (row {row.pk})")
        elif not missing and row.previous != last_hash:
            yield Fault(chain.pk, number, f"it does not follow the record before it (row {row.pk})")
        elif row.pk <= last_pk:
            yield Fault(chain.pk, number, f"its row {row.pk} has changed places")
        while noted and noted[0] < number:
            noted = next(anchored, None)
        if noted and noted[0] == number and noted[1] != row.hash and not wrong:
            yield Fault(chain.pk, number, f"it is not the one that was anchored (row {row.pk})")
        last_sequence, last_pk, last_hash = max(number, last_sequence), row.pk, row.hash
    yield from _end(chain, last_sequence, last_hash, noted, anchored)


def check_anchors(written: Written) -> Iterator[Fault]:
    """What is wrong with a file of anchors itself."""
    is_empty = True
    for anchor in written:
        is_empty = False
        if not anchor.is_sound:
            name = written.path.name
            yield Fault(0, 0, f"Line {anchor.line} of {name} was changed, or does not follow the line before it")
    is_old = is_empty and AuditRecord.objects.filter(at__lt=timezone.now() - ANCHORED_AFTER).exists()
    if is_old or (is_empty and Segment.objects.exists()):
        yield Fault(0, 0, f"There are no anchors in {written.path}: the latest records may be missing unnoticed")


def _end(
    chain: Chain, last: int, last_hash: str, noted: tuple[int, str] | None, anchored: Iterator[tuple[int, str]]
) -> Iterator[Fault]:
    """What is missing behind the last record: by what the chain's own row says, and by what was anchored."""
    length = chain.length
    while noted:
        length = max(length, noted[0])
        noted = next(anchored, None)
    if length > last:
        yield Fault(chain.pk, last + 1, _missing(length - last), length - last)
    elif chain.length != last or chain.head != last_hash:
        yield Fault(chain.pk, last, "the row of its chain says another end than its records")


def _missing(count: int) -> str:
    return "it is missing" if count == 1 else f"it is missing, with the {count - 1:,} after it"


def wrong_by_itself(row: AuditRecord, keys: Mapping[str, Key] | None = None) -> str:
    """What is wrong with a record, whatever stands around it, in words; empty: nothing is."""
    key = (known_keys() if keys is None else keys).get(row.key_id)
    if key is None:
        return f"it is signed with a key that is not among GANTRY_AUDIT_KEYS ({row.key_id})"
    return "" if hmac.compare_digest(key.sign(canonical(row)), row.hash) else "it was changed, or not written by Gantry"


def _archived(chain: Chain, looked: Looked) -> Iterator[AuditRecord | Unread | Fault]:
    """The archived records of a chain, and what is wrong with their files and segments."""
    for segment in chain.segments.order_by("first_sequence"):
        if not is_signed(segment):
            words = f"the segment {segment.file} was changed in the database, or not written by Gantry"
            yield Fault(chain.pk, segment.first_sequence, words)
        last = segment.first_sequence - 1
        path = folder() / Path(segment.file).name
        try:
            if sha256_of(path) != segment.sha256:
                yield Fault(
                    chain.pk, segment.first_sequence, f"its file {segment.file} is not the one that was written"
                )
            for row in read(path, segment):
                looked.records += 1
                looked.archived += 1
                last = row.sequence
                yield row
        except FileNotFoundError:
            yield _unread(segment, last, f"its file {segment.file} is missing")
        except (BadSegment, OSError) as error:
            words = f"cannot be read ({error.strerror})" if isinstance(error, OSError) else str(error)
            yield _unread(segment, last, f"its file {segment.file} {words}")


def _unread(segment: Segment, last: int, words: str) -> Unread | Fault:
    """What of a segment is left unread after a record."""
    first = min(last, segment.last_sequence) + 1
    if first > segment.last_sequence:
        return Fault(segment.chain_id, segment.last_sequence, words)
    left = segment.last_sequence - first + 1
    told = words if left == 1 else f"{words}, with {left:,} records"
    return Unread(first, segment.last_sequence, segment.head, told)


def _counted(rows: Iterable[AuditRecord], looked: Looked) -> Iterator[AuditRecord]:
    for row in rows:
        looked.records += 1
        yield row


def _strays() -> Iterator[Fault]:
    """Records that belong to no chain, or stand behind its end."""
    behind = AuditRecord.objects.filter(sequence__gt=F("chain__length"))
    without = AuditRecord.objects.exclude(chain__in=Chain.objects.values("pk"))
    for found in (behind, without):
        for row in found.order_by("chain_id", "sequence").iterator(chunk_size=CHUNK):
            yield Fault(row.chain_id, row.sequence, f"it stands behind the end of its chain (row {row.pk})")


def _lost_chains(written: Written, known: set[int]) -> Iterator[Fault]:
    """Chains that were anchored, and whose row is gone."""
    lengths: dict[int, int] = {}
    for anchor in written:
        lengths.update({pk: length for pk, (length, _) in anchor.heads.items() if pk not in known})
    for pk, length in lengths.items():
        yield Fault(pk, 1, f"the whole chain is missing, with {length:,} records", length)
