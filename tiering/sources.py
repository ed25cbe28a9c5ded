"""The bytes of a stored instance, wherever they are: its file in the hot store, else a verified copy."""

import hashlib
from collections.abc import Iterator

from studies.integrity import path_of
from studies.models import Instance, Tier
from tiering.errors import PackDamaged, SourceDamaged, StoreError
from tiering.models import Copy, PackState
from tiering.stores.choose import open_store
from tiering.stores.store import READ_BYTES


def verified_copies(instance: Instance) -> list[Copy]:
    """Its copies that were read back and were right; the quickest and cheapest to read first."""
    copies = Copy.objects.filter(instance=instance, pack__state=PackState.VERIFIED).select_related("pack__location")
    order = ("pack__location__expected_latency_seconds", "pack__location__cost_per_gb_read", "-pk")
    return list(copies.order_by(*order))


def copies_to_try(instance: Instance) -> list[Copy]:
    """All its copies, those in damaged packs last: damage in a pack is seldom damage of each instance in it.

    For whoever hashes what is read before anything is made of it, and for nobody else.
    """
    damaged = Copy.objects.filter(instance=instance, pack__state=PackState.DAMAGED).select_related("pack__location")
    return [*verified_copies(instance), *damaged.order_by("-pk")]


def forget_copies(instance_pk: int) -> None:
    """Its row is about to say of another file how long it is and where its data set begins (studies.index).

    By that its copies would not be found any more; they are made anew before the file leaves the hot store.
    """
    Copy.objects.filter(instance=instance_pk).delete()


def read_stored(instance: Instance) -> Iterator[bytes]:
    """All bytes of its file in pieces; whoever takes them compares them.

    Raises:
        SourceDamaged: it is nowhere in its full size.
        StoreError: where it is cannot be read now.
    """
    if instance.tier == Tier.HOT:
        yield from read_file(instance)
        return
    copies = verified_copies(instance)
    if not copies:
        raise SourceDamaged(f"instance {instance.pk} has no verified copy")
    yield from read_copy(copies[0], instance.size_bytes)


def read_copy(copy: Copy, size_bytes: int) -> Iterator[bytes]:
    """The bytes of one copy in pieces.

    Raises:
        StoreError: it cannot be read now.
    """
    store = open_store(copy.pack.location)
    yield from store.read(copy.pack.key, copy.offset, size_bytes)


def read_file(instance: Instance) -> Iterator[bytes]:
    """The bytes of its file in the hot store in pieces.

    Raises:
        SourceDamaged: it is gone, or has another size.
        StoreError: the hot store cannot be read now.
    """
    left = instance.size_bytes
    try:
        with path_of(instance).open("rb", buffering=0) as file:
            while piece := file.read(READ_BYTES):
                left -= len(piece)
                yield piece
    except FileNotFoundError as error:
        raise SourceDamaged(f"the file of instance {instance.pk} is gone from the hot store") from error
    except OSError as error:
        raise StoreError(f"the hot store cannot be read: {error.strerror}") from error
    if left:
        raise SourceDamaged(f"the file of instance {instance.pk} has another size than it was stored with")


def is_intact_in_hot_store(instance: Instance) -> bool:
    """Whether the hot store has its file as it was acknowledged."""
    digest, left = hashlib.sha256(), instance.size_bytes - instance.data_set_offset
    try:
        with path_of(instance).open("rb", buffering=0) as file:
            file.seek(instance.data_set_offset)
            while piece := file.read(READ_BYTES):
                digest.update(piece)
                left -= len(piece)
    except OSError:
        return False
    return left == 0 and digest.hexdigest() == instance.sha256


class Bytes:
    """Takes bytes from pieces by number; an object that ends too early is damage.

    Attributes:
        position: how many were taken.
    """

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = memoryview(b"")
        self.position = 0

    def some(self, count: int) -> Iterator[memoryview]:
        """The next so many, in pieces.

        Raises:
            PackDamaged: there are fewer.
        """
        while count > 0:
            if not self._rest:
                piece = next(self._pieces, b"")
                if not piece:
                    raise PackDamaged(f"it ends at byte {self.position}")
                self._rest = memoryview(piece)
            taken = self._rest[:count]
            self._rest = self._rest[len(taken) :]
            self.position += len(taken)
            count -= len(taken)
            yield taken

    def take(self, count: int) -> bytes:
        """The next so many."""
        return b"".join(self.some(count))

    def skip(self, count: int) -> None:
        """Pass over so many."""
        for _ in self.some(count):
            pass

    def sha256(self, count: int) -> str:
        """The SHA-256 of the next so many."""
        digest = hashlib.sha256()
        for piece in self.some(count):
            digest.update(piece)
        return digest.hexdigest()
