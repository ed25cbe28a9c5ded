"""Draw a test study and send it to this gateway's own listener, as a device would.

Its bytes follow from its row: one that is sent twice, since its worker was lost, is the same study.
"""

import logging
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.db.models import F
from django.utils import timezone
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from dicomnet.lab.generate import written
from dicomnet.lab.phantoms import KINDS, one_study
from dicomnet.lab.rewrite import Rewriting
from dicomnet.scu.association import Peer, PeerError
from dicomnet.scu.store import Outgoing, StoreAssociation
from gateway.samples.ask import PATIENT
from gateway.samples.models import SampleState, SampleStudy
from studies.leases import is_free

logger = logging.getLogger(__name__)
CALLING_AE_TITLE = "TESTSTUDY"
LEASE = timedelta(minutes=2)  # for one instance: drawing it takes a tenth of a second
GIVEN_UP_AFTER = timedelta(minutes=10)
CONTEXT = (str(CTImageStorage), str(ExplicitVRLittleEndian))


class NotTaken(Exception):
    """The listener refused an instance."""


def send_what_waits() -> None:
    """Send each test study that waits and that no other worker has."""
    while (sample := _take()) is not None:
        try:
            _send(sample)
        except (PeerError, NotTaken, OSError) as error:
            logger.warning("test study not sent", extra={"sample": sample.pk, "error": str(error)})
            _end(sample, SampleState.FAILED, str(error))
        else:
            _end(sample, SampleState.SENT)


def listener() -> Peer:
    """This gateway as this machine reaches it."""
    host, port = settings.GANTRY.dicom_bind
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 (a comparison, not a bind)
    return Peer(ae_title=settings.GANTRY.ae_title, host=reachable, port=port, calling_ae_title=CALLING_AE_TITLE)


def _take() -> SampleStudy | None:
    now = timezone.now()
    sending = SampleStudy.objects.filter(state=SampleState.SENDING)
    # One that ends its worker each time must not do so for ever.
    sending.filter(created_at__lt=now - GIVEN_UP_AFTER).update(
        state=SampleState.FAILED, words="No worker has sent it within ten minutes."
    )
    free = sending.filter(is_free(now, LEASE))
    for pk in free.order_by("pk").values_list("pk", flat=True):
        # Conditional: of two workers that saw the same row, one changes it.
        if free.filter(pk=pk).update(lease_until=now + LEASE, sent=0):
            return SampleStudy.objects.get(pk=pk)
    return None


def _send(sample: SampleStudy) -> None:
    """Draw and send it, instance by instance.

    Raises:
        PeerError: the listener cannot be reached, or does not let us in.
        NotTaken: it refuses an instance.
        OSError: there is no room to draw.
    """
    mine = SampleStudy.objects.filter(pk=sample.pk)
    with (
        tempfile.TemporaryDirectory(prefix="test-study-", dir=settings.GANTRY.run_dir) as folder,
        StoreAssociation(listener(), [CONTEXT]) as assoc,
    ):
        for instance in _drawn(sample, Path(folder)):
            outcome = assoc.send(instance)
            if not outcome.is_stored:
                raise NotTaken(f"The listener did not take an instance: {outcome}")
            mine.update(sent=F("sent") + 1, lease_until=timezone.now() + LEASE)


def _drawn(sample: SampleStudy, folder: Path) -> Iterator[Outgoing]:
    kind, began_at = KINDS["CT"][0], timezone.localtime(sample.created_at)
    for ds in one_study(kind, sample.instances, seed=sample.seed, number=PATIENT, began_at=began_at):
        (instance,) = written([ds], folder, Rewriting(salt=sample.seed), lambda: None)
        yield instance


def _end(sample: SampleStudy, state: SampleState, words: str = "") -> None:
    SampleStudy.objects.filter(pk=sample.pk).update(state=state, words=words[:400], lease_until=None)
