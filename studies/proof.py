"""Prove that an instance is stored: read its file back in full and compare it with what the index says."""

import errno
import hashlib
import os
import zlib
from collections.abc import Callable
from typing import BinaryIO, cast

from django.core.files.storage import storages

from dicomnet.part10 import NotPart10, read_file_meta
from studies.models import Instance

PIECE_BYTES = 1 << 20
_SCARCE = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN})


class Unproven(Exception):
    """The stored file is not what was acknowledged; the message says how."""


class FileMissing(Unproven):
    """The index names a file that is not there."""


class CannotLook(Exception):
    """This machine lacks what it takes to read the file now; that says nothing about the file."""


def prove(instance: Instance, passes: Callable[[int], None] = lambda _: None) -> None:
    """Read every byte and compare size, identity and both checksums.

    Args:
        instance: whose file is read.
        passes: called with the bytes of each piece that was read; it may wait.

    Raises:
        Unproven: something differs, or the file cannot be read.
        CannotLook: descriptors or memory ran out.
    """
    try:
        with storages["dicom"].open(instance.location) as file:
            _compare(instance, cast(BinaryIO, file.file), passes)
    except FileNotFoundError as error:
        raise FileMissing("its file is gone") from error
    except NotPart10 as error:
        raise Unproven(f"its File Meta Information is damaged: {error}") from error
    except OSError as error:
        if error.errno in _SCARCE:
            raise CannotLook(os.strerror(error.errno)) from error
        raise Unproven(f"its file cannot be read: {error.strerror or error}") from error


def _compare(instance: Instance, file: BinaryIO, passes: Callable[[int], None]) -> None:
    descriptor = file.fileno()
    size = os.fstat(descriptor).st_size
    if size != instance.size_bytes:
        raise Unproven(f"its file has {size} bytes, not {instance.size_bytes}")
    # What the page cache holds proves nothing about the disk: clean pages are dropped and read again.
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    meta = read_file_meta(file)
    found = (meta.sop_class_uid, meta.sop_instance_uid, meta.transfer_syntax_uid, meta.data_set_offset)
    if found != (
        instance.sop_class_uid,
        instance.sop_instance_uid,
        instance.transfer_syntax_uid,
        instance.data_set_offset,
    ):
        raise Unproven("its File Meta Information is that of another instance")
    file.seek(0)
    if instance.head_crc32 not in {None, zlib.crc32(file.read(instance.data_set_offset))}:
        raise Unproven("the CRC-32 of its File Meta Information differs")
    digest = hashlib.sha256()
    while piece := file.read(PIECE_BYTES):
        digest.update(piece)
        passes(len(piece))
    if digest.hexdigest() != instance.sha256:
        raise Unproven("the SHA-256 of its data set differs")
