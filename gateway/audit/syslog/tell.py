"""Tell the syslog receiver of every record, at least once: the records are the queue, and a row says how far it is.

The place is kept by chain and not by the key of the rows: rows with a lower key may be committed after those with a
higher one, but within a chain each is committed before the next is made.
"""

import logging
import secrets
import time
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F, Max, Q, QuerySet
from django.utils import timezone

from dicomnet.tls import BadTlsFile
from gateway.audit.canonical import moment
from gateway.audit.models import TEXT_LENGTH, AuditRecord, Chain, Teller, Told
from gateway.audit.syslog.connection import NotTold, send
from gateway.audit.syslog.events import message_of
from gateway.audit.syslog.frame import framed
from gateway.audit.syslog.message import as_xml
from studies.leases import is_free

logger = logging.getLogger(__name__)
BATCH = 500
TURN_SECONDS, SEND_SECONDS = 20.0, 30.0
LEASE = timedelta(minutes=2)  # longer than a turn with the batch that it ends in
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 5, 300
_ONLY = 1


def tell(seconds: float = TURN_SECONDS) -> int:
    """Tell of what the receiver does not know yet, for so long; returns how many records. Does nothing when it is off.

    A batch is noted as told once the receiver has closed the connection behind it. Where it fails in between, or the
    worker is lost, the same batch is sent again.
    """
    receiver = settings.GANTRY.audit_syslog
    teller = None if receiver is None else _take()
    if receiver is None or teller is None:
        return 0
    until, count = time.monotonic() + seconds, 0
    try:
        while time.monotonic() < until and (rows := _next()):
            _send(rows, receiver)
            if not _note(teller, rows):
                return count  # another has it: it sends them again
            count += len(rows)
    except (NotTold, BadTlsFile) as error:
        _put_off(teller, str(error))
    else:
        _own(teller).update(lease_until=None, lease_token="")
    return count


def backlog() -> int:
    """Records that the receiver does not know yet."""
    told = dict(Told.objects.values_list("chain_id", "sequence"))
    chains = Chain.objects.annotate(archived=Max("segments__last_sequence")).values_list("pk", "length", "archived")
    # What was archived before there was a receiver is not told of any more.
    return sum(length - max(told.get(pk, 0), archived or 0) for pk, length, archived in chains)


def standing() -> Teller:
    """How it goes."""
    return Teller.objects.filter(pk=_ONLY).first() or Teller(pk=_ONLY)


def _take() -> Teller | None:
    """The one row, for this worker alone; None: another has it, or it is too early to try again."""
    now = timezone.now()
    Teller.objects.get_or_create(pk=_ONLY)
    is_due = Q(next_attempt_at=None) | Q(next_attempt_at__lte=now)
    # What seems to be put off for longer was put off by a clock that ran ahead.
    is_due |= Q(next_attempt_at__gt=now + timedelta(seconds=2 * LONGEST_PAUSE_SECONDS))
    token = secrets.token_hex(16)
    mine = Teller.objects.filter(is_due, is_free(now, LEASE), pk=_ONLY)
    if not mine.update(lease_token=token, lease_until=now + LEASE):
        return None
    return Teller.objects.filter(pk=_ONLY, lease_token=token).first()


def _next() -> list[AuditRecord]:
    """The next records, chain by chain, in the order of each."""
    told = dict(Told.objects.values_list("chain_id", "sequence"))
    rows: list[AuditRecord] = []
    for pk, length in Chain.objects.order_by("pk").values_list("pk", "length"):
        if told.get(pk, 0) < length and len(rows) < BATCH:
            waiting = AuditRecord.objects.filter(chain=pk, sequence__gt=told.get(pk, 0)).order_by("sequence")
            rows += waiting[: BATCH - len(rows)]
    return rows


def _send(rows: list[AuditRecord], receiver: tuple[str, str, int]) -> None:
    environment = settings.GANTRY
    content = b"".join(
        framed(as_xml(message_of(row)), at=moment(row.at), host=environment.node_name, process=environment.ae_title)
        for row in rows
    )
    send(content, receiver, environment.audit_syslog_tls, seconds=SEND_SECONDS)


def _note(teller: Teller, rows: list[AuditRecord]) -> bool:
    """Write how far the receiver is told; False: the lease was lost, and nothing is written."""
    now = timezone.now()
    last = {row.chain_id: row.sequence for row in rows}
    with transaction.atomic():
        went_well = {"failures": 0, "next_attempt_at": None, "told_at": now, "words": "", "lease_until": now + LEASE}
        if not _own(teller).update(**went_well):
            return False
        for chain, sequence in last.items():
            Told.objects.update_or_create(chain_id=chain, defaults={"sequence": sequence})
    return True


def _put_off(teller: Teller, words: str) -> None:
    """Try again later, each time twice as late."""
    # The files of DICOM are named by other variables than those of this receiver.
    words = words.replace("GANTRY_TLS_", "GANTRY_AUDIT_SYSLOG_")
    pause = min(FIRST_PAUSE_SECONDS * 2 ** min(teller.failures, 10), LONGEST_PAUSE_SECONDS)
    logger.warning("the syslog receiver was not told", extra={"error": words, "seconds": pause})
    _own(teller).update(
        failures=F("failures") + 1,
        next_attempt_at=timezone.now() + timedelta(seconds=pause),
        words=words[:TEXT_LENGTH],
        lease_until=None,
        lease_token="",
    )


def _own(teller: Teller) -> QuerySet[Teller]:
    """Its row, as long as this worker has it."""
    return Teller.objects.filter(pk=teller.pk, lease_token=teller.lease_token)
