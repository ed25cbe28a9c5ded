"""A file of the hot store that no row names goes back into the spool, from where it is indexed as if it came now.

Its receipt is in its File Meta Information, so its row says when and from where it came in. The file stays where it is.
"""

from pathlib import Path, PurePath

from dicomnet.part10 import NotPart10
from studies.arrival import read_arrival
from studies.deletions.known import not_deleted
from studies.errors import MalformedDataSet
from studies.models import Instance
from studies.spool import Spool
from studies.storage import hot_storage, location_for
from studies.ulid import is_ulid, new_ulid


class NotTakenBack(Exception):
    """The file stays without a row; the message says why, for people."""


def take_back(name: str, spool: Spool) -> None:
    """Put one file into the spool.

    Args:
        name: in the hot store.
        spool: what is indexed from.

    Raises:
        NotTakenBack: it is no DICOM file, or what it holds is stored under another name or was deleted.
        OSError: it cannot be read, or the spool not be written.
    """
    path = Path(hot_storage().path(name))
    try:
        arrival = read_arrival(path)
    except (NotPart10, MalformedDataSet, ValueError) as error:
        raise NotTakenBack(f"it cannot be read as DICOM: {error}") from error
    sop_instance_uid, sha256 = arrival.key
    known = Instance.objects.filter(sop_instance_uid=sop_instance_uid, sha256=sha256).first()
    if known is not None:
        raise NotTakenBack(f"the same bytes are those of instance {known.pk}")
    if not not_deleted([arrival]):
        raise NotTakenBack("it was deleted by somebody")
    stem = PurePath(name).stem
    # Under its own name the index finds it in its place already; under another it is given one.
    keeps_its_place = is_ulid(stem) and location_for(stem) == name
    spool.take_back(path, f"{stem if keeps_its_place else new_ulid()}.dcm")
