"""Report verdicts to the devices that asked: durably, by one party at a time, until they have them (PS3.4 J.3.3)."""

import logging
import secrets
from collections import defaultdict
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from dicomnet.commitment import CommitmentReport, Reference
from dicomnet.remote_nodes import RemoteNode, find_node
from dicomnet.scu.association import Peer, PeerError
from dicomnet.scu.commitment import send_reports
from dicomnet.tls import BadTlsFile, reloading_client
from studies.commitments.accept import ASSOCIATION_SECONDS
from studies.commitments.models import Commitment, CommitmentState
from studies.events import commitments_due
from studies.metrics import COMMITMENT_REPORTS

logger = logging.getLogger(__name__)
LEASE = timedelta(minutes=2)
BATCH = 20
FIRST_BACK_OFF_SECONDS = 5
LONGEST_BACK_OFF_SECONDS = 15 * 60
NO_ADDRESS_SECONDS = 60
GIVE_UP_AFTER = timedelta(hours=72)
ERROR_LENGTH = 300
CONNECT_SECONDS, ACSE_SECONDS, DIMSE_SECONDS = 10, 15, 30


def tell_due() -> bool:
    """Ring for every device that a report is due for; True when there is something to verify as well."""
    _pull_in_far_attempts()
    for title in due_reports().order_by("calling_ae_title").values_list("calling_ae_title", flat=True).distinct():
        commitments_due.send(Commitment, calling_ae_title=title)
    return Commitment.objects.filter(state=CommitmentState.VERIFYING, next_attempt_at__lte=timezone.now()).exists()


def report_to(calling_ae_title: str) -> int:
    """Call one device and give it the reports that are due; returns how many it took."""
    count = 0
    while held := _claim(calling_ae_title):
        token = held[0].lease_token
        by_peer: dict[tuple[RemoteNode | None, str], list[Commitment]] = defaultdict(list)
        for commitment in held:
            node = find_node(commitment.calling_ae_title, commitment.source_address)
            by_peer[node, commitment.called_ae_title].append(commitment)
        for (node, called_ae_title), commitments in by_peer.items():
            if node is None:
                _wait_for_address(token, commitments)
            else:
                count += _call(node, called_ae_title, token, [report_of(commitment) for commitment in commitments])
    return count


def claim_for_association(association: str) -> CommitmentReport | None:
    """The next verdict on a request that came on this association; keeps others from reporting what it waits for."""
    now = timezone.now()
    own = Commitment.objects.filter(
        association=association, state__in=[CommitmentState.VERIFYING, CommitmentState.REPORTING]
    )
    rows = list(own.order_by("pk").values_list("pk", "state", "association_until"))
    half = timedelta(seconds=ASSOCIATION_SECONDS / 2)
    if any(until is None or until < now + half for _, _, until in rows):
        own.update(association_until=now + 2 * half)
    token = secrets.token_hex(16)
    for pk, state, _ in rows:
        is_verified = state == CommitmentState.REPORTING
        if is_verified and own.filter(_is_free(now), pk=pk, state=state).update(
            lease_token=token, lease_until=now + LEASE, attempts=F("attempts") + 1
        ):
            return report_of(Commitment.objects.get(pk=pk))
    return None


def let_go(association: str) -> None:
    """The association has ended: its verdicts are to be reported another way, from now on."""
    own = Commitment.objects.filter(association=association)
    titles = set(own.filter(state=CommitmentState.REPORTING).values_list("calling_ae_title", flat=True))
    own.update(association="", association_until=None)
    for title in titles:
        commitments_due.send(Commitment, calling_ae_title=title)


def due_reports() -> QuerySet[Commitment]:
    """Verdicts to send now that nobody sends, and whose association has ended."""
    now = timezone.now()
    has_ended = Q(association_until=None) | Q(association_until__lt=now) | Q(association_until__gt=now + LEASE)
    return Commitment.objects.filter(
        _is_free(now), has_ended, state=CommitmentState.REPORTING, next_attempt_at__lte=now
    )


def report_of(commitment: Commitment) -> CommitmentReport:
    """The report of a claimed commitment."""
    committed, failed = [], []
    for item in commitment.items.order_by("pk"):
        reference = Reference(item.sop_class_uid, item.sop_instance_uid)
        if item.failure_reason is None:
            committed.append(reference)
        else:
            failed.append((reference, item.failure_reason))
    return CommitmentReport(
        key=commitment.pk,
        token=commitment.lease_token,
        transaction_uid=commitment.transaction_uid,
        committed=tuple(committed),
        failed=tuple(failed),
    )


def settle(report: CommitmentReport, error: str = "") -> bool:
    """Record how an attempt ended; False when the report was not ours any more.

    Args:
        report: as it was claimed.
        error: why the device has not got it; empty when it has.
    """
    held = Commitment.objects.filter(pk=report.key, lease_token=report.token, state=CommitmentState.REPORTING)
    if not error:
        is_ours = held.update(state=CommitmentState.REPORTED, reported_at=timezone.now(), last_error="", **_FREE)
        COMMITMENT_REPORTS.labels(outcome="reported").inc()
        logger.info("storage commitment reported", extra={"commitment": report.key, "failed": len(report.failed)})
        return bool(is_ours)
    commitment = held.first()
    if commitment is None:
        return False
    seconds = min(FIRST_BACK_OFF_SECONDS * 2 ** min(commitment.attempts - 1, 16), LONGEST_BACK_OFF_SECONDS)
    _fail(held, commitment, error, seconds)
    return True


def send_again(commitments: QuerySet[Commitment]) -> int:
    """Have reports tried at once, those that were given up or were sent already too."""
    now = timezone.now()
    chosen = commitments.exclude(state=CommitmentState.VERIFYING).exclude(lease_until__gt=now)
    titles = set(chosen.values_list("calling_ae_title", flat=True))
    count = chosen.update(
        state=CommitmentState.REPORTING, report_since=now, next_attempt_at=now, attempts=0, reported_at=None, **_FREE
    )
    for title in titles:
        commitments_due.send(Commitment, calling_ae_title=title)
    return count


_FREE = {"lease_token": "", "lease_until": None, "association": "", "association_until": None}


def _is_free(now: datetime) -> Q:
    # A lease is never longer than its length: if it seems so, the clock was set back.
    return Q(lease_until=None) | Q(lease_until__lt=now) | Q(lease_until__gt=now + 2 * LEASE)


def _claim(calling_ae_title: str) -> list[Commitment]:
    token = secrets.token_hex(16)
    due = due_reports().filter(calling_ae_title=calling_ae_title)
    pks = list(due.order_by("next_attempt_at", "pk").values_list("pk", flat=True)[:BATCH])
    # One conditional update: what another party took meanwhile is not taken again.
    due.filter(pk__in=pks).update(lease_token=token, lease_until=timezone.now() + LEASE, attempts=F("attempts") + 1)
    return list(Commitment.objects.filter(lease_token=token).order_by("pk"))


def _call(node: RemoteNode, called_ae_title: str, token: str, reports: list[CommitmentReport]) -> int:
    waiting = {report.key: report for report in reports}
    count = 0
    try:
        for report, error in send_reports(_peer(node, called_ae_title), reports):
            del waiting[report.key]
            settle(report, error)
            count += not error
            Commitment.objects.filter(lease_token=token).update(lease_until=timezone.now() + LEASE)
    except (PeerError, BadTlsFile) as error:
        for report in waiting.values():
            settle(report, str(error))
    return count


def _peer(node: RemoteNode, calling_ae_title: str) -> Peer:
    return Peer(
        ae_title=node.ae_title,
        host=node.host,
        port=node.port,
        calling_ae_title=calling_ae_title,
        connect_timeout_seconds=CONNECT_SECONDS,
        acse_timeout_seconds=ACSE_SECONDS,
        dimse_timeout_seconds=DIMSE_SECONDS,
        tls=reloading_client(settings.GANTRY.tls_files).current() if node.tls else None,
        tls_server_name=node.tls_server_name,
    )


def _wait_for_address(token: str, commitments: list[Commitment]) -> None:
    for commitment in commitments:
        held = Commitment.objects.filter(pk=commitment.pk, lease_token=token)
        words = f"where {commitment.calling_ae_title} listens is not known: add it to the remote nodes"
        _fail(held, commitment, words, NO_ADDRESS_SECONDS)


def _fail(held: QuerySet[Commitment], commitment: Commitment, error: str, seconds: float) -> None:
    now = timezone.now()
    is_too_old = now - (commitment.report_since or now) > GIVE_UP_AFTER
    held.update(
        state=CommitmentState.FAILED if is_too_old else CommitmentState.REPORTING,
        next_attempt_at=now + timedelta(seconds=seconds),
        last_error=error[:ERROR_LENGTH],
        **_FREE,
    )
    COMMITMENT_REPORTS.labels(outcome="given up" if is_too_old else "failed").inc()
    (logger.error if is_too_old else logger.warning)(
        "storage commitment not reported",
        extra={"commitment": commitment.pk, "calling_ae_title": commitment.calling_ae_title, "reason": error},
    )


def _pull_in_far_attempts() -> None:
    """No attempt is further away than the longest back-off: the clock may have jumped when it was set."""
    farthest = timezone.now() + timedelta(seconds=LONGEST_BACK_OFF_SECONDS)
    Commitment.objects.filter(
        state__in=[CommitmentState.VERIFYING, CommitmentState.REPORTING], next_attempt_at__gt=farthest
    ).update(next_attempt_at=farthest)
