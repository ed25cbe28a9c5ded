"""Objects in a bucket of an S3 service.

What is written goes in parts of 8 MiB, four at once, so memory does not grow with the object; each part carries its
own SHA-256.
"""

import logging
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from itertools import chain
from queue import SimpleQueue
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from dicomnet.web.http import HttpError
from dicomnet.web.s3 import S3Service, code_of, in_words, s3_client, words_of
from tiering.errors import ObjectAtRest, ObjectGone, StoreError
from tiering.stores.patience import patiently

PART_BYTES = 8 << 20  # S3 takes 10,000 parts: 80 GB
PARTS_AT_ONCE = 4  # so that the service works on one while another is on its way
RANGE_BYTES = 8 << 20
_GONE = frozenset({"404", "NoSuchKey", "NotFound"})

logger = logging.getLogger(__name__)


class BucketStore:
    """A Store (tiering.stores.store) of one bucket, below one prefix.

    Args:
        service: the S3 service.
        bucket: its name.
        prefix: what all keys begin with; empty or without a slash at its end.
        storage_class: of what is written; empty: as the service does by itself.
    """

    def __init__(self, service: S3Service, bucket: str, prefix: str, storage_class: str = "") -> None:
        self._service, self._bucket = service, bucket
        self._prefix = f"{prefix}/" if prefix else ""
        self._as_class = {"StorageClass": storage_class} if storage_class else {}

    def write(self, key: str, pieces: Iterable[bytes]) -> int:
        """See Store."""
        parts = _parts(pieces)
        with self.client() as client:
            first = next(parts, b"")
            second = next(parts, None)
            if second is None:
                patiently(client.put_object, **self.of(key), **self._as_class, Body=first, ContentLength=len(first))
                return len(first)
            return self._write_parts(client, key, chain([first, second], parts))

    def _write_parts(self, client: Any, key: str, parts: Iterable[bytes]) -> int:
        begun = patiently(client.create_multipart_upload, **self.of(key), **self._as_class)
        upload = {**self.of(key), "UploadId": begun["UploadId"]}
        size, done = 0, list[dict[str, Any]]()
        under_way = deque[Future[dict[str, Any]]]()
        clients = SimpleQueue[Any]()
        is_complete = False
        try:
            with ExitStack() as stack:
                for _ in range(PARTS_AT_ONCE):
                    clients.put(stack.enter_context(self.client()))  # each has one connection
                pool = stack.enter_context(ThreadPoolExecutor(PARTS_AT_ONCE, thread_name_prefix="s3"))
                for number, part in enumerate(parts, 1):
                    if len(under_way) == PARTS_AT_ONCE:
                        done.append(under_way.popleft().result())
                    under_way.append(pool.submit(_write_part, clients, upload, number, part))
                    size += len(part)
                done += [part.result() for part in under_way]
            patiently(client.complete_multipart_upload, **upload, MultipartUpload={"Parts": done})
            is_complete = True
        finally:
            if not is_complete:  # parts that nobody completes are kept, and paid for, until somebody aborts
                with suppress(HttpError, ClientError, BotoCoreError):
                    client.abort_multipart_upload(**upload)
        return size

    def read(self, key: str, start: int = 0, count: int | None = None) -> Iterator[bytes]:
        """See Store."""
        with self.client() as client:
            end = self._there(client, key) if count is None else start + count
            while start < end:
                stop = min(start + RANGE_BYTES, end)
                body = self._range(client, key, start, stop)
                if len(body) != stop - start:
                    end = self._there(client, key)
                    if len(body) != max(0, min(stop, end) - start):
                        raise StoreError(f"{self._service.name} gave another number of bytes than were asked for")
                yield body
                start = stop

    def _range(self, client: Any, key: str, start: int, stop: int) -> bytes:
        """These bytes of an object, or fewer where it ends before."""
        try:
            answer = patiently(client.get_object, **self.of(key), Range=f"bytes={start}-{stop - 1}")
        except ClientError as error:
            if code_of(error) != "InvalidRange":
                raise
            return b""
        return bytes(answer["Body"].read())

    def _there(self, client: Any, key: str) -> int:
        size = self._size(client, key)
        if size is None:
            raise ObjectGone(f"{self._service.name} does not have it")
        return size

    def size(self, key: str) -> int | None:
        """See Store."""
        with self.client() as client:
            return self._size(client, key)

    def remove(self, key: str) -> None:
        """See Store."""
        with self.client() as client:
            patiently(client.delete_object, **self.of(key))

    def clear(self, key: str) -> None:
        """See Store: parts that nobody completes are kept, and paid for, until somebody aborts."""
        place = self.of(key)
        try:
            with self.client() as client:
                found = patiently(client.list_multipart_uploads, Bucket=place["Bucket"], Prefix=place["Key"])
                for upload in found.get("Uploads", []):
                    patiently(client.abort_multipart_upload, **place, UploadId=upload["UploadId"])
        except StoreError as error:
            # An access key that may not do it is no reason to keep the row of what nobody relies on.
            logger.warning("parts of a write may be left", extra={"location": self._service.name, "reason": str(error)})

    def objects(self) -> Iterator[tuple[str, int]]:
        """See Store."""
        more: dict[str, str] = {}
        with self.client() as client:
            while True:
                page = patiently(client.list_objects_v2, Bucket=self._bucket, Prefix=self._prefix, **more)
                for found in page.get("Contents", []):
                    yield found["Key"].removeprefix(self._prefix), found["Size"]
                if not page.get("IsTruncated"):
                    return
                more = {"ContinuationToken": page["NextContinuationToken"]}

    def _size(self, client: Any, key: str) -> int | None:
        found = self.head(client, key)
        return None if found is None else int(found["ContentLength"])

    def head(self, client: Any, key: str, **more: str) -> dict[str, Any] | None:
        """What the service says of an object; None when there is none."""
        try:
            return dict(patiently(client.head_object, **self.of(key), **more))
        except ClientError as error:
            # HEAD has no body to tell a missing bucket by.
            if code_of(error) not in _GONE:
                raise
        client.head_bucket(Bucket=self._bucket)
        return None

    def of(self, key: str) -> dict[str, str]:
        """Bucket and key as calls name them."""
        return {"Bucket": self._bucket, "Key": self._prefix + key}

    @contextmanager
    def client(self, more_seconds: float = 0) -> Iterator[Any]:
        """A client whose errors are StoreError; answers may begin so much later than usually."""
        try:
            service = replace(self._service, timeout_seconds=self._service.timeout_seconds + more_seconds)
            with s3_client(service) as client:
                yield client
        except HttpError as error:
            raise StoreError(str(error)) from error
        except ClientError as error:
            code = code_of(error)
            if code == "NoSuchKey":
                raise ObjectGone(f"{self._service.name} does not have it") from error
            if code == "InvalidObjectState":
                raise ObjectAtRest(f"{self._service.name} has it in cold storage") from error
            words = words_of("NoSuchBucket") if code in _GONE else in_words(error)
            raise StoreError(f"{self._service.name}: {words}") from error
        except BotoCoreError as error:
            # Its words may hold what it was given.
            raise StoreError(f"{self._service.name} cannot be called: {type(error).__name__}") from error


def _write_part(clients: "SimpleQueue[Any]", upload: dict[str, str], number: int, part: bytes) -> dict[str, Any]:
    client = clients.get()
    try:
        answer = patiently(client.upload_part, **upload, PartNumber=number, Body=part, ContentLength=len(part))
    finally:
        clients.put(client)
    return {"PartNumber": number, "ETag": answer["ETag"]}


def _parts(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in parts of at least one size, the last one shorter."""
    part: list[bytes] = []
    size = 0
    for piece in pieces:
        part.append(piece)
        size += len(piece)
        if size >= PART_BYTES:
            yield b"".join(part)
            part, size = [], 0
    if part:
        yield b"".join(part)
