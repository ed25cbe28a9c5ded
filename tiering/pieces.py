"""Bytes taken by number from pieces of any size, as files and objects come."""

import hashlib
from collections.abc import Iterator

from tiering.errors import PackDamaged


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

    def skip_rest(self) -> None:
        """Pass over all that is left; what gives the pieces may check it."""
        self.position += len(self._rest)
        self._rest = memoryview(b"")
        for piece in self._pieces:
            self.position += len(piece)

    def has_more(self) -> bool:
        """Whether anything is left."""
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return False
            self._rest = memoryview(piece)
        return True
