"""Deliver into a folder of this machine, a mounted share as well: ``<study>/<series>/<instance>.dcm``.

A file gets its name when it is whole and synced, and no file that is there is ever written over. The folder itself must
exist: it is not made, so that nothing lands on the system's own disk when a share is not mounted.
"""

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

from dicomnet.scu.outgoing import Outgoing
from routing.batch import Batch
from routing.models import Delivery, Destination
from routing.outgoing import outgoing
from routing.transports.outcome import Outcome, PeerLost
from routing.transports.part10 import file_meta_of
from routing.transports.pieces import Pieces
from routing.transports.place import NoPlace, Place, place_of
from studies.folders import is_forbidden_folder

FOLDER_MODE, FILE_MODE = 0o770, 0o660
_OF_ONE_FILE = frozenset({errno.ELOOP, errno.ENOTDIR, errno.EISDIR})  # something odd stands at its place
_BUSY = "another process is writing this file just now"
_OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_WORDS = {
    errno.ENOENT: "it is not there; is its share mounted? It is not made by itself",
    errno.ENOTDIR: "it, or a part of its path, is no folder",
    errno.EACCES: "Gantry may not write there; correct its owner or permissions",
    errno.EPERM: "Gantry may not write there; correct its owner or permissions",
    errno.EROFS: "it is mounted read-only",
    errno.ENOSPC: "its disk is full",
    errno.EDQUOT: "its quota is used up",
    errno.ESTALE: "its share has gone; mount it again",
    errno.ENOTCONN: "its share has gone; mount it again",
    errno.ELOOP: "a link stands where a folder or file belongs",
}


class NotNow(Exception):
    """This file cannot be written just now, while others can; the message says why."""


def send(destination: Destination, batch: Batch) -> Iterator[Outcome]:
    """Copy each delivery's file.

    Raises:
        PeerLost: the folder is not there, or cannot be written.
    """
    try:
        base = open_base(destination.path)
    except OSError as error:
        raise PeerLost(in_words(destination.path, error)) from error
    try:
        with outgoing(batch.all) as files:
            yield from files.failed
            for instance, delivery in files.while_they_may_go(batch):
                yield _deliver(destination, base, delivery, instance)
    finally:
        os.close(base)


def open_base(path: str) -> int:
    """Open the destination's folder; the caller closes it.

    Raises:
        OSError: it is not there, or is one of Gantry's own.
    """
    if is_forbidden_folder(Path(path)):
        raise OSError("it is one of Gantry's own folders or of the system's; choose another")
    return os.open(path, _OPEN_FOLDER)


def in_words(path: str, error: OSError) -> str:
    """Why a folder cannot be used, and what to do."""
    return f"the folder {path} cannot be used: {_WORDS.get(error.errno or 0, error.strerror or str(error))}"


def _deliver(destination: Destination, base: int, delivery: Delivery, instance: Outgoing) -> Outcome:
    try:
        place = place_of(instance)
        data = instance.open()
    except NoPlace as error:
        return Outcome(delivery, None, str(error), is_permanent=True)
    except OSError as error:
        return Outcome(delivery, None, f"the stored file cannot be read: {error.strerror}")
    content = Pieces(file_meta_of(instance), data)
    try:
        _write(base, place, content)
    except NotNow as error:
        return Outcome(delivery, None, str(error))
    except OSError as error:
        if content.has_failed:
            return Outcome(delivery, None, f"the stored file cannot be read: {error.strerror}")
        if error.errno in _OF_ONE_FILE:
            return Outcome(delivery, None, in_words(destination.path, error))
        if error.errno == errno.EFBIG:
            return Outcome(delivery, None, "the file is larger than that file system takes", is_permanent=True)
        raise PeerLost(in_words(destination.path, error)) from error
    finally:
        os.close(data.fd)
    return Outcome(delivery, 0, sent_bytes=instance.size_bytes - instance.data_set_offset)


def _write(base: int, place: Place, content: Pieces) -> None:
    """Write one file, unless it is there."""
    with ExitStack() as opened:
        folder = _folder(_folder(base, place.study, opened), place.series, opened)
        name, temporary = f"{place.instance}.dcm", f".{place.instance}.part"
        file = _open_temporary(folder, temporary, opened)
        kept = _as_kept(folder, name, content)
        if kept is False:
            name = f"{place.beside(content.sha256()).instance}.dcm"
            kept = _as_kept(folder, name, content)
            if kept is False:
                raise NotNow(f"the file {name} that is there is damaged; move it away")
        try:
            if kept is None:
                _fill(file, content)
                os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
        finally:
            # Not needed, or half written: on a full disk it would be in the way of itself.
            with suppress(FileNotFoundError):
                os.unlink(temporary, dir_fd=folder)
        # Also of a file that was there: the attempt that wrote it may have ended before this.
        os.fsync(folder)


def _folder(parent: int, name: str, opened: ExitStack) -> int:
    """A folder in another one, made if need be; never through a link."""
    with suppress(FileExistsError):
        os.mkdir(name, FOLDER_MODE, dir_fd=parent)
        os.fsync(parent)
    folder = os.open(name, _OPEN_FOLDER | os.O_NOFOLLOW, dir_fd=parent)
    opened.callback(os.close, folder)
    return folder


def _open_temporary(folder: int, name: str, opened: ExitStack) -> int:
    """A file that only this process writes; one that a killed process left is taken over.

    Raises:
        NotNow: somebody else has it.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    file = os.open(name, flags, FILE_MODE, dir_fd=folder)
    opened.callback(os.close, file)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise NotNow(_BUSY) from None
    except OSError as error:
        if error.errno not in {errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS}:
            raise
    # Between the opening and the lock its owner may have given it its name.
    try:
        is_ours = os.stat(name, dir_fd=folder).st_ino == os.fstat(file).st_ino
    except FileNotFoundError:
        is_ours = False
    if not is_ours:
        raise NotNow(_BUSY)
    os.ftruncate(file, 0)
    return file


def _as_kept(folder: int, name: str, content: Pieces) -> bool | None:
    """Whether the file of this name has this content; None when there is no such file."""
    try:
        file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    except FileNotFoundError:
        return None
    try:
        if os.fstat(file).st_size != content.size_bytes:
            return False
        position = 0
        for piece in content:
            if os.pread(file, len(piece), position) != piece:
                return False
            position += len(piece)
        os.fsync(file)
    finally:
        os.close(file)
    return True


def _fill(file: int, content: Pieces) -> None:
    for piece in content:
        view = memoryview(piece)
        while view:
            view = view[os.write(file, view) :]
    os.fsync(file)
