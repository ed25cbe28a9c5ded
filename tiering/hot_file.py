"""Write the file of an instance to the hot store from a copy: hashed while it is written, and read back."""

import hashlib
import os
import zlib
from contextlib import suppress
from pathlib import Path

from studies.disk import write_all
from studies.integrity import path_of
from studies.models import Instance
from tiering.errors import PackDamaged, StoreError, disk_in_words
from tiering.pieces import Bytes
from tiering.sources import is_intact_in_hot_store

PART = ".part"


def write_file(instance: Instance, reader: Bytes, head_crc32: int) -> set[Path]:
    """Put the next bytes of a copy in the place of the instance's file, if they are what was acknowledged.

    Args:
        instance: whose file it is.
        reader: stands at its first byte.
        head_crc32: of what comes before the data set.

    Returns:
        The folders whose names are to be made durable before anybody relies on the file.

    Raises:
        PackDamaged: the bytes are others; the hot store is as it was.
        StoreError: the copy cannot be read, or the hot store not be written.
    """
    target = path_of(instance)
    part = target.with_name(target.name + PART)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _write_part(part, instance, reader, head_crc32)
        part.replace(target)
    except OSError as error:
        raise StoreError(f"the hot store cannot be written: {disk_in_words(error)}") from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
    if not is_intact_in_hot_store(instance):
        raise StoreError("the hot store gave back other bytes than were written to it")
    return {target.parent, target.parent.parent, target.parent.parent.parent}


def _write_part(part: Path, instance: Instance, reader: Bytes, head_crc32: int) -> None:
    digest, crc32, head = hashlib.sha256(), 0, instance.data_set_offset
    with part.open("wb", buffering=0) as file:
        for piece in reader.some(instance.size_bytes):
            write_all(file, piece)
            crc32 = zlib.crc32(piece[:head], crc32)
            digest.update(piece[head:])
            head -= min(head, len(piece))
        os.fdatasync(file.fileno())
    if digest.hexdigest() != instance.sha256:
        raise PackDamaged("the SHA-256 of its data set differs")
    if crc32 != head_crc32:
        raise PackDamaged("its File Meta Information differs")
