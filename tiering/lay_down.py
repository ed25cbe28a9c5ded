"""Have packs that were read back go to the cold storage that their location asks for, and prove what lies there.

What is written there at once could not be read back for hours, and reading it costs. So it is written as the service's
usual class, read back and compared as ever, and then copied in its place by the service, which computes the SHA-256 of
the copy itself: it has to be that of the bytes that were read back.
"""

import logging
import time

from django.db.models import Exists, OuterRef, QuerySet

from tiering.at_rest import compare
from tiering.damage import mark_damaged
from tiering.errors import PackDamaged, StoreError
from tiering.models import AT_REST, Move, Pack, PackState
from tiering.models.moves import OPEN
from tiering.pace import MovePacer
from tiering.packs import verify_pack
from tiering.stores.choose import open_cold_storage
from tiering.stores.cold_storage import COPIED_AT_ONCE_BYTES

logger = logging.getLogger(__name__)
TOO_LARGE = "Larger than the service copies at once: it stays in the class in which it was written."
NOT_TAKEN = "The service does not put it into cold storage: it stays in the class in which it was written."


def lay_down_due(*, seconds: float) -> bool:
    """Lay down what is to go to cold storage, for about so long; a location that fails is passed over.

    Returns:
        Whether more is due.
    """
    deadline = time.monotonic() + seconds
    failing: set[int] = set()
    while time.monotonic() < deadline:
        pack = packs_due().exclude(location__in=failing).select_related("location").first()
        if pack is None:
            return False
        try:
            lay_down(pack)
        except PackDamaged:  # on record already
            continue
        except StoreError as error:
            failing.add(pack.location_id)
            logger.warning("pack not in cold storage yet", extra={"pack": pack.pk, "reason": str(error)})
    return True


def packs_due() -> QuerySet[Pack]:
    """What was read back and is not known to be in the class that its location asks for."""
    due = Pack.objects.filter(state=PackState.VERIFIED, storage_class="", location__storage_class__in=AT_REST)
    # Who reads it just now would find it gone, and wait for hours.
    moving = Move.objects.filter(study=OuterRef("study"), state__in=OPEN)
    return due.filter(~Exists(moving)).order_by("pk")


def lay_down(pack: Pack) -> None:
    """One pack; what was done already is not done again.

    Raises:
        PackDamaged: what lies there is not what was read back; no copy in it is relied on from now on.
        StoreError: the service cannot be used now; the pack stays as it is, and is relied on.
    """
    wanted = pack.location.storage_class
    if not pack.sha256:  # read back before its location asked for cold storage
        verify_pack(pack, MovePacer(pack.location.bytes_per_second, lambda _: None))
        pack.refresh_from_db()
    storage = open_cold_storage(pack.location)
    found = storage.look(pack.key)
    note = ""
    if found is not None and found.storage_class not in AT_REST:
        if found.size_bytes > COPIED_AT_ONCE_BYTES:
            note = TOO_LARGE
        else:
            storage.lay_down(pack.key, wanted, pack.size_bytes)
            found = storage.look(pack.key)
    try:
        compared = compare(pack, found)
    except PackDamaged as error:
        mark_damaged(pack, str(error))
        raise
    storage_class = found.storage_class if found else ""
    note = compared if storage_class in AT_REST else note or NOT_TAKEN
    Pack.objects.filter(pk=pack.pk).update(storage_class=storage_class, note=note)
