"""Whether two results say the same under different UIDs: an answer that a worker gave twice.

They do when they refer to the same instances and their content is the same byte for byte: from Pixel Data, or from the
Content Sequence of a report, to the end. What comes before it holds UIDs and times, which differ each time. Nothing is
decoded, so it does not matter what a worker sends.
"""

import hashlib
import mmap
from pathlib import Path
from typing import Literal

from pydicom.uid import ExplicitVRBigEndian

from dicomnet.part10 import DEFLATED, NotPart10
from routing.ai.evidence import references_in
from studies.errors import MalformedDataSet
from studies.models import Instance
from studies.storage import hot_storage

CONTENT_SEQUENCE, PIXEL_DATA = (0x0040, 0xA730), (0x7FE0, 0x0010)
_PIECE_BYTES = 1 << 20


def says_the_same(one: Instance, other: Instance) -> bool:
    """Compare two stored instances; False as well when either cannot be read or has no such content."""
    content = _content_of(one)
    if content is None or content != _content_of(other):
        return False
    try:
        return references_in(_path(one)) == references_in(_path(other))
    except (OSError, NotPart10, MalformedDataSet):
        return False


def _content_of(instance: Instance) -> str | None:
    """SHA-256 of what it says; None when that cannot be told."""
    if instance.transfer_syntax_uid in DEFLATED:
        return None  # it may inflate to anything
    order: Literal["big", "little"] = "big" if instance.transfer_syntax_uid == ExplicitVRBigEndian else "little"
    try:
        with _path(instance).open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            return _digest_from(mapped, instance.data_set_offset, order)
    except (OSError, ValueError):  # gone, or empty
        return None


def _digest_from(mapped: mmap.mmap, offset: int, order: Literal["big", "little"]) -> str | None:
    tags = [b"".join(part.to_bytes(2, order) for part in tag) for tag in (CONTENT_SEQUENCE, PIXEL_DATA)]
    starts = [start for tag in tags if (start := mapped.find(tag, offset)) >= 0]
    if not starts:
        return None
    digest = hashlib.sha256()
    for position in range(min(starts), len(mapped), _PIECE_BYTES):
        digest.update(mapped[position : position + _PIECE_BYTES])
    return digest.hexdigest()


def _path(instance: Instance) -> Path:
    return Path(hot_storage().path(instance.location))
