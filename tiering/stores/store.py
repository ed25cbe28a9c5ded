"""What a location does with objects, whatever it is made of."""

from collections.abc import Iterable, Iterator
from typing import Protocol

READ_BYTES = 1 << 20


class Store(Protocol):
    """Objects by key. All of its functions raise StoreError when the location cannot be used."""

    def write(self, key: str, pieces: Iterable[bytes]) -> int:
        """Keep an object durably, in place of one of this key that an earlier try left; its bytes.

        What ``pieces`` raises is raised here, and then there is no new object.
        """

    def read(self, key: str, start: int = 0, count: int | None = None) -> Iterator[bytes]:
        """Bytes of an object in pieces, from a place on; all, or so many.

        Raises:
            ObjectGone: there is none.
        """

    def size(self, key: str) -> int | None:
        """Bytes of an object; None when there is none."""

    def remove(self, key: str) -> None:
        """Remove an object; one that is gone already is no error."""

    def clear(self, key: str) -> None:
        """Remove what a write of this key left that was broken off, as by the end of its process."""

    def objects(self) -> Iterator[tuple[str, int]]:
        """All objects with their bytes."""
