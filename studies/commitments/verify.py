"""Verify what a device wants proof of: each instance is read back, and what is not indexed yet is waited for."""

import logging
import secrets
import time
from collections import defaultdict
from datetime import timedelta

from django.db.models import Q, QuerySet
from django.utils import timezone

from dicomnet.commitment import FailureReason
from dicomnet.sop_classes import is_storage
from studies.commitments.models import Commitment, CommitmentItem, CommitmentState
from studies.events import commitments_due
from studies.metrics import COMMITMENT_VERDICTS, DAMAGED_FILES
from studies.models import Instance
from studies.proof import CannotLook, FileMissing, Unproven, prove
from studies.spool import Spool
from studies.ulid import first_ulid_at

logger = logging.getLogger(__name__)
LEASE = timedelta(minutes=2)
RENEW_SECONDS = 20
BATCH = 200
LOOK_AGAIN = timedelta(seconds=1)
# What was acknowledged may not be indexed yet. This host's spool can be looked at, and is waited for as long as it
# holds older files; for that of another host there is a short while. Then an instance without a row is "no such
# instance", and the device sends it again.
WAIT_FOR_SPOOL = timedelta(minutes=15)
WAIT_FOR_OTHERS = timedelta(seconds=30)


def verify_due(spool: Spool, *, seconds: float = 10.0) -> bool:
    """Verify requests that are due, the longest waiting first, for so long.

    Returns:
        Whether something is left that waits to be looked at again.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        commitment = _claim()
        if commitment is None:
            break
        _verify(commitment, spool, deadline)
    return Commitment.objects.filter(state=CommitmentState.VERIFYING).exists()


def _claim() -> Commitment | None:
    now = timezone.now()
    is_free = Q(lease_until=None) | Q(lease_until__lt=now) | Q(lease_until__gt=now + 2 * LEASE)
    due = Commitment.objects.filter(is_free, state=CommitmentState.VERIFYING, next_attempt_at__lte=now)
    for pk in due.order_by("next_attempt_at", "pk").values_list("pk", flat=True)[:20]:
        token = secrets.token_hex(16)
        # One conditional update: of two workers that saw the same row, one changes it.
        if due.filter(pk=pk).update(lease_token=token, lease_until=now + LEASE):
            return Commitment.objects.get(pk=pk)
    return None


def _verify(commitment: Commitment, spool: Spool, deadline: float) -> None:
    waited = timezone.now() - commitment.requested_at
    unchecked = commitment.items.filter(is_checked=False)
    last_pk = 0
    if waited > WAIT_FOR_SPOOL or not _is_index_behind(commitment, spool):
        while time.monotonic() < deadline:
            batch = list(unchecked.filter(pk__gt=last_pk).order_by("pk")[:BATCH])
            if not batch:
                break
            last_pk = batch[-1].pk
            _check(commitment, batch, may_come=waited < WAIT_FOR_OTHERS)
    if unchecked.exists():
        at = timezone.now() + (LOOK_AGAIN if time.monotonic() < deadline else timedelta())
        _held(commitment).update(lease_token="", lease_until=None, next_attempt_at=at)
    else:
        _finish(commitment)


def _is_index_behind(commitment: Commitment, spool: Spool) -> bool:
    """Whether the spool holds what was acknowledged before the request: its rows are yet to come."""
    oldest = next(iter(spool.waiting()), None)
    return oldest is not None and oldest.stem < first_ulid_at(commitment.requested_at)


def _check(commitment: Commitment, batch: list[CommitmentItem], *, may_come: bool) -> None:
    contents: dict[str, list[Instance]] = defaultdict(list)
    for row in Instance.objects.filter(sop_instance_uid__in={item.sop_instance_uid for item in batch}):
        contents[row.sop_instance_uid].append(row)
    verdicts: dict[FailureReason | None, list[int]] = defaultdict(list)
    renewed = time.monotonic()
    for item in batch:
        found = contents[item.sop_instance_uid]
        if not found and may_come and is_storage(item.sop_class_uid):
            continue
        verdicts[_verdict(item, found)].append(item.pk)
        if time.monotonic() - renewed > RENEW_SECONDS:
            renewed = time.monotonic()
            _held(commitment).update(lease_until=timezone.now() + LEASE)
    for reason, pks in verdicts.items():
        CommitmentItem.objects.filter(pk__in=pks).update(is_checked=True, failure_reason=reason)
        name = "committed" if reason is None else reason.name.lower()
        COMMITMENT_VERDICTS.labels(verdict=name).inc(len(pks))


def _verdict(item: CommitmentItem, contents: list[Instance]) -> FailureReason | None:
    """Why this instance is not committed, or None.

    A SOP Instance UID that came in with several contents is committed when every one of them is proven: all are kept,
    so the one that this device sent is among them.
    """
    if not contents:
        is_known = is_storage(item.sop_class_uid)
        return FailureReason.NO_SUCH_INSTANCE if is_known else FailureReason.CLASS_NOT_SUPPORTED
    if item.sop_class_uid not in {content.sop_class_uid for content in contents}:
        return FailureReason.CLASS_INSTANCE_CONFLICT
    for content in contents:
        try:
            prove(content)
        except Unproven as error:
            DAMAGED_FILES.inc()
            logger.error(
                "a stored instance is lost or damaged: restore its file from a copy, or have it sent again",
                extra={"instance": content.pk, "sop_instance_uid": content.sop_instance_uid, "reason": str(error)},
            )
            is_gone = isinstance(error, FileMissing)
            return FailureReason.NO_SUCH_INSTANCE if is_gone else FailureReason.PROCESSING_FAILURE
        except CannotLook as error:
            logger.error("a stored instance could not be verified now", extra={"reason": str(error)})
            return FailureReason.RESOURCE_LIMITATION
    return None


def _finish(commitment: Commitment) -> None:
    now = timezone.now()
    failed = commitment.items.exclude(failure_reason=None).count()
    is_ours = _held(commitment).update(
        state=CommitmentState.REPORTING,
        failed_count=failed,
        verified_at=now,
        next_attempt_at=now,
        report_since=now,
        attempts=0,
        lease_token="",
        lease_until=None,
    )
    if is_ours:
        logger.info(
            "storage commitment verified",
            extra={"commitment": commitment.pk, "count": commitment.instance_count, "failed": failed},
        )
        commitments_due.send(Commitment, calling_ae_title=commitment.calling_ae_title)


def _held(commitment: Commitment) -> QuerySet[Commitment]:
    return Commitment.objects.filter(pk=commitment.pk, lease_token=commitment.lease_token)
