"""Do away with a difference between a store and the database, where that can be done without removing anything."""

from studies.dimse import local_spool
from studies.models import Instance
from studies.take_back import NotTakenBack, take_back
from tiering.damage import mark_damaged
from tiering.errors import StoreError
from tiering.keys import write_object
from tiering.models import DataKey, Pack
from tiering.pace import Pacer
from tiering.reconcile import Difference, Kind
from tiering.repair import repair_file, repair_pack


def mend(difference: Difference) -> str:
    """Try it; returns why it could not be done, empty when it was done.

    A missing or damaged file comes from a copy, a pack from whatever is right, an unknown file goes back into the
    spool and is indexed within seconds.
    """
    if difference.kind == Kind.UNKNOWN_FILE:
        return _take_back(difference.name)
    if difference.kind == Kind.UNKNOWN_OBJECT:
        return "reindex takes packs in"
    if difference.kind == Kind.KEY_OBJECT:
        return _write_key(difference.pk or 0)
    if difference.kind in {Kind.MISSING_FILE, Kind.OTHER_FILE}:
        instance = Instance.objects.filter(pk=difference.pk or 0).first()
        is_right = instance is None or repair_file(instance, difference.detail or difference.kind, Pacer())
    else:
        pack = Pack.objects.filter(pk=difference.pk or 0).first()
        if pack is not None:
            mark_damaged(pack, difference.detail or difference.kind)
        is_right = pack is None or repair_pack(pack, Pacer())
    return "" if is_right else "nothing is right to repair it from; the log says more"


def _write_key(pk: int) -> str:
    try:
        for key in DataKey.objects.filter(pk=pk).select_related("location"):
            write_object(key)
    except StoreError as error:
        return str(error)
    return ""


def _take_back(name: str) -> str:
    try:
        take_back(name, local_spool())
    except NotTakenBack as error:
        return str(error)
    except OSError as error:
        return error.strerror or "the disk gives an error"
    return ""
