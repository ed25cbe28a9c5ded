"""Send requests to workers: copies of the instances, by C-STORE (PS3.4 Annex B)."""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import DatabaseError, connection

from dicomnet.scu.association import Peer, PeerError
from dicomnet.scu.store import Outgoing, StoreAssociation, by_association
from routing.ai.health import record_failure
from routing.ai.queue import Claim, claim, finish_failed, finish_sent, is_more_due, renew
from routing.ai.requests import tell_due
from routing.ai.workers import peer_of
from routing.models import Delivery
from routing.outgoing import outgoing

logger = logging.getLogger(__name__)
RENEW_SECONDS = 5
DRIVE_SECONDS = 60.0  # then others get the thread; the bell is rung again


class Refused(Exception):
    """The worker did not take an instance; the message is for people."""


class CannotBeSent(Exception):
    """An instance cannot be made what the rule says that the worker gets; the message is for people."""


def dispatch_all() -> int:
    """Send what waits while some worker is free for it; returns how many workers have all of their request."""
    sent, deadline = 0, time.monotonic() + DRIVE_SECONDS
    while time.monotonic() < deadline and (claimed := claim()) is not None:
        if is_more_due():
            tell_due()  # another thread takes the next one, while this one sends
        sent += send(claimed)
    return sent


def send(claimed: Claim) -> bool:
    """Send one request to its worker; whether the worker has all of it."""
    began = time.monotonic()
    try:
        with _lease_kept(claimed):
            count = _store(claimed)
    except (Refused, PeerError) as error:
        words = f"{claimed.worker.name}: {error}"
        if finish_failed(claimed, words):
            record_failure(claimed.worker, str(error), is_unreachable=isinstance(error, PeerError))
            tell_due()
        return False
    except OSError as error:
        # Not the worker's fault, and no other worker would fare better; but the disk may.
        finish_failed(claimed, f"A stored file cannot be read: {error.strerror}.")
        return False
    except CannotBeSent as error:
        finish_failed(claimed, f"Nothing was sent: {error}")
        return False
    is_ours = finish_sent(claimed)
    logger.info(
        "AI worker asked",
        extra={
            "worker": claimed.worker.name,
            "request": claimed.request.pk,
            "count": count,
            "milliseconds": round((time.monotonic() - began) * 1000),
        },
    )
    return is_ours


def _store(claimed: Claim) -> int:
    """Send each instance as the rule says that it is to be sent; none, when one of them cannot be made so."""
    peer = peer_of(claimed.worker)
    version, instances = claimed.request.rule_version, claimed.request.instances.order_by("series", "pk")
    # No deliveries, and never saved: what goes out for them is said in one place, for a worker as for an archive.
    waiting = [Delivery(instance=instance, rule_version=version) for instance in instances]
    count = len(waiting)
    while waiting:
        with outgoing(waiting) as files:
            if files.failed or not files.ready:
                raise CannotBeSent(files.failed[0].error if files.failed else "there was no room for copies")
            _send_files(peer, list(files.ready))
            done = {delivery.instance_id for delivery in files.ready.values()}
        waiting = [delivery for delivery in waiting if delivery.instance_id not in done]
    return count


def _send_files(peer: Peer, files: list[Outgoing]) -> None:
    for run in by_association(files):
        with StoreAssociation(peer, [file.context for file in run]) as assoc:
            for sent in assoc.send_all(run):
                if isinstance(sent.outcome, OSError):
                    raise sent.outcome
                if not sent.outcome.is_stored:
                    raise Refused(f"an instance was not taken: {sent.outcome}")


@contextmanager
def _lease_kept(claimed: Claim) -> Iterator[None]:
    """Renew the lease from a thread: one slow instance may take longer than it lasts."""
    stop = threading.Event()
    thread = threading.Thread(target=_renew_until, args=(claimed, stop), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _renew_until(claimed: Claim, stop: threading.Event) -> None:
    try:
        while not stop.wait(RENEW_SECONDS):
            try:
                renew(claimed)
            except DatabaseError as error:
                # The next try may come in time; else the lease runs out, as if this process had died.
                logger.warning("lease not renewed", extra={"request": claimed.request.pk, "error": str(error)})
    finally:
        connection.close()
