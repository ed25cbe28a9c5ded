"""What can go wrong with a tier; each message is for people and says what to do where something can be done."""

import errno
from collections.abc import Collection

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def disk_in_words(error: OSError) -> str:
    """What a disk says, and what to do where it is full."""
    words = error.strerror or "it failed"
    return f"{words}; free some of it, and the move goes on" if error.errno in _FULL else words


class TierError(Exception):
    """A location, a pack or a move cannot do what was asked."""


class StoreError(TierError):
    """A location cannot be written or read now; it may be tried again."""


class ObjectGone(StoreError):
    """The location is there, and has no object of this name."""


class KeyMissing(StoreError):
    """A pack is encrypted under a key that is not at hand: nothing can be said of it until it is."""


class ObjectAtRest(StoreError):
    """The object is in cold storage of its S3 service, which has to bring it back first.

    Attributes:
        pack_pks: of the packs that are needed; none where only the object is known.
    """

    def __init__(self, message: str, pack_pks: Collection[int] = ()) -> None:
        super().__init__(message)
        self.pack_pks = pack_pks


class PackDamaged(TierError):
    """What a location gives back is not what was acknowledged.

    Attributes:
        instance_pk: of the instance in which it shows; None when it is the pack as a whole.
    """

    def __init__(self, message: str, instance_pk: int | None = None) -> None:
        super().__init__(message)
        self.instance_pk = instance_pk


class SourceDamaged(TierError):
    """An instance that is to be copied is itself not what was acknowledged, and no other copy is right."""


class MoveRefused(TierError):
    """A move cannot be begun; nothing was changed."""
