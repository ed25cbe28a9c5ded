"""Cold storage of an S3 service: what lies there can be asked about, and read when the service was asked for it."""

from base64 import b64decode
from binascii import Error as NotBase64
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from dicomnet.web.s3 import code_of
from tiering.models import AT_REST, StorageClass
from tiering.stores.patience import patiently
from tiering.stores.s3 import BucketStore

COPIED_AT_ONCE_BYTES = 5_000_000_000  # S3 copies no larger object in one request
COPIED_BYTES_PER_SECOND = 10_000_000  # within the service, at least
SHA256_BYTES = 32


@dataclass(frozen=True)
class Found:
    """What a service says of an object.

    Attributes:
        sha256: as the service computed it of the whole object, hexadecimal; empty: it names none.
        is_readable: it may be read now.
        is_coming: the service was asked for it and has not brought it back yet.
    """

    size_bytes: int
    storage_class: str
    sha256: str
    is_readable: bool
    is_coming: bool


class ColdStorage:
    """Of one bucket. All of its functions raise StoreError when the service cannot be used."""

    def __init__(self, bucket: BucketStore) -> None:
        self._bucket = bucket

    def look(self, key: str) -> Found | None:
        """Ask about an object, which costs one request and reads nothing; None when there is none."""
        with self._bucket.client() as client:
            answer = self._bucket.head(client, key, ChecksumMode="ENABLED")
        return None if answer is None else _found(answer)

    def ask_for(self, key: str, *, days: int, speed: str) -> None:
        """Have the service bring an object back; one that it was asked for already is no error."""
        wish = {"Days": days, "GlacierJobParameters": {"Tier": speed}}
        with self._bucket.client() as client:
            try:
                patiently(client.restore_object, **self._bucket.of(key), RestoreRequest=wish)
            except ClientError as error:
                if code_of(error) != "RestoreAlreadyInProgress":
                    raise

    def lay_down(self, key: str, storage_class: str, size_bytes: int) -> None:
        """Have the service keep an object in another class, and its SHA-256 with it; the bytes do not leave it."""
        place = self._bucket.of(key)
        with self._bucket.client(size_bytes / COPIED_BYTES_PER_SECOND) as client:
            patiently(
                client.copy_object,
                **place,
                CopySource=place,
                StorageClass=storage_class,
                ChecksumAlgorithm="SHA256",
                MetadataDirective="COPY",
            )


def _found(answer: dict[str, Any]) -> Found:
    storage_class = str(answer.get("StorageClass") or StorageClass.STANDARD)
    restore = str(answer.get("Restore", ""))  # ongoing-request="false", expiry-date="…"
    return Found(
        size_bytes=int(answer["ContentLength"]),
        storage_class=storage_class,
        sha256=_hex(str(answer.get("ChecksumSHA256", ""))),
        is_readable=storage_class not in AT_REST or 'ongoing-request="false"' in restore,
        is_coming='ongoing-request="true"' in restore,
    )


def _hex(named: str) -> str:
    """Of an object that came in parts, it is a checksum of checksums with their number: of no use here."""
    try:
        digest = b64decode(named, validate=True)
    except NotBase64:
        return ""
    return digest.hex() if len(digest) == SHA256_BYTES else ""
