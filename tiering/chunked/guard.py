"""What keeps chunks from being changed, exchanged, cut off or moved into another pack."""

import zlib
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES = 32
_INFO = b"gantry pack 1\0"


class Guard(Protocol):
    """One of the two ways.

    Attributes:
        check_bytes: by how many a chunk grows.
    """

    check_bytes: int

    def closed(self, number: int, about: bytes, content: bytes) -> bytes:
        """What is written of a chunk of this number, of which ``about`` is said before it."""

    def opened(self, number: int, about: bytes, content: bytes) -> bytes:
        """The chunk again.

        Raises:
            InvalidTag: this is not what was written.
        """


class Crc32:
    """Against accidents: CRC-32 of header, number, what is said about the chunk, and the chunk."""

    check_bytes = 4

    def __init__(self, header: bytes) -> None:
        self._start = zlib.crc32(header)

    def closed(self, number: int, about: bytes, content: bytes) -> bytes:
        """See Guard."""
        return content + self._check(number, about, content)

    def opened(self, number: int, about: bytes, content: bytes) -> bytes:
        """See Guard."""
        if content[-4:] != self._check(number, about, content[:-4]):
            raise InvalidTag
        return content[:-4]

    def _check(self, number: int, about: bytes, content: bytes) -> bytes:
        found = zlib.crc32(number.to_bytes(8, "big") + about, self._start)
        return zlib.crc32(content, found).to_bytes(4, "big")


class Aes256Gcm:
    """Against everybody who lacks the key. The key is this pack's alone, so a chunk's number is nonce enough."""

    check_bytes = 16

    def __init__(self, header: bytes, salt: bytes, data_key: bytes, name: str) -> None:
        derived = HKDF(SHA256(), KEY_BYTES, salt, _INFO + name.encode()).derive(data_key)
        self._header, self._cipher = header, AESGCM(derived)

    def closed(self, number: int, about: bytes, content: bytes) -> bytes:
        """See Guard."""
        return self._cipher.encrypt(number.to_bytes(12, "big"), content, self._bound(number, about))

    def opened(self, number: int, about: bytes, content: bytes) -> bytes:
        """See Guard."""
        return self._cipher.decrypt(number.to_bytes(12, "big"), content, self._bound(number, about))

    def _bound(self, number: int, about: bytes) -> bytes:
        return self._header + number.to_bytes(8, "big") + about
