"""Deliver into a bucket of an S3 service: ``<prefix>/<study>/<series>/<instance>.dcm``, one object for an instance.

The service checks what arrived against the SHA-256 that is sent along, and no object that is there is written over.
"""

import os
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from dicomnet.scu.outgoing import Outgoing
from dicomnet.web.http import HttpError
from dicomnet.web.s3 import code_of, in_words, is_known, s3_client, status_of
from routing.batch import Batch
from routing.kinds import s3_service
from routing.models import Delivery, Destination
from routing.outgoing import outgoing
from routing.transports.outcome import Outcome, PeerLost
from routing.transports.part10 import file_meta_of
from routing.transports.pieces import Pieces, Slice
from routing.transports.place import NoPlace, Place, place_of

PART_BYTES = 64 << 20  # above this an object goes in parts; at most 10,000 of them
CONTENT_TYPE = "application/dicom"
_OF_OBJECT = frozenset({"BadDigest", "XAmzContentSHA256Mismatch", "InvalidDigest", "InvalidPart", "NoSuchUpload"})
# May be another's fault than the destination's.
_OF_ONE = frozenset({"InternalError", "PreconditionFailed", "InvalidObjectState"})
_FINAL = frozenset({"EntityTooLarge", "KeyTooLongError", "MetadataTooLarge"})
_DAMAGED = "it arrived damaged: the service found another SHA-256 than was sent"


@dataclass(frozen=True)
class _Kept:
    """What the service says of an object that it has."""

    size_bytes: int
    sha256: str


def send(destination: Destination, batch: Batch) -> Iterator[Outcome]:
    """Upload each delivery's file.

    Raises:
        PeerLost: the service cannot be reached, or refuses more than one instance.
    """
    try:
        with s3_client(s3_service(destination)) as client, outgoing(batch.all) as files:
            yield from files.failed
            bucket = _Bucket(client, destination.bucket, destination.path)
            for instance, delivery in files.while_they_may_go(batch):
                yield _deliver(bucket, delivery, instance)
    except HttpError as error:
        raise PeerLost(str(error)) from error


def _deliver(bucket: "_Bucket", delivery: Delivery, instance: Outgoing) -> Outcome:
    try:
        place = place_of(instance)
        data = instance.open()
    except NoPlace as error:
        return Outcome(delivery, None, str(error), is_permanent=True)
    except OSError as error:
        return Outcome(delivery, None, f"the stored file cannot be read: {error.strerror}")
    content = Pieces(file_meta_of(instance), data)
    try:
        bucket.keep(place, content)
    except HttpError as error:
        raise PeerLost(str(error), (delivery,) if error.has_begun else ()) from error
    except ClientError as error:
        return _refused(delivery, error)
    except _Damaged:
        return Outcome(delivery, None, _DAMAGED)
    except OSError as error:
        return Outcome(delivery, None, f"the stored file cannot be read: {error.strerror}")
    except BotoCoreError as error:
        # Its words may hold what it was given.
        raise PeerLost(f"the service cannot be called: {type(error).__name__}") from error
    finally:
        os.close(data.fd)
    return Outcome(delivery, 0, sent_bytes=instance.size_bytes - instance.data_set_offset)


def _refused(delivery: Delivery, error: ClientError) -> Outcome:
    """The outcome, where an error is about this object.

    Raises:
        PeerLost: it is about the destination.
    """
    code = code_of(error)
    if code in _OF_OBJECT:
        return Outcome(delivery, None, f"{code}: {_DAMAGED}")
    if code in _FINAL:
        return Outcome(delivery, None, in_words(error), is_permanent=True)
    status = status_of(error)
    if (is_known(code) and code not in _OF_ONE) or status in {401, 403, 404, 429, 503, 507} or 300 <= status < 400:
        raise PeerLost(in_words(error)) from error
    if status >= 500:
        raise PeerLost(in_words(error), (delivery,)) from error
    return Outcome(delivery, None, in_words(error))


class _Damaged(Exception):
    """The service has other bytes than were sent."""


class _Bucket:
    """Where objects go."""

    def __init__(self, client: Any, name: str, prefix: str) -> None:
        self._client, self._name, self._prefix = client, name, prefix

    def keep(self, place: Place, content: Pieces) -> None:
        """Have the object there; what is there already is not sent again."""
        digest = content.digest_of(0, content.size_bytes)
        for target in (place, place.beside(digest.hex())):
            key = f"{self._prefix}/{target}" if self._prefix else str(target)
            kept = self._head(key)
            if kept is None:
                if not self._put(key, content, digest):
                    self._compare_size(key, content)
                return
            if _is_same(kept, content, digest):
                return
        raise _Damaged

    def _head(self, key: str) -> _Kept | None:
        try:
            found = self._client.head_object(Bucket=self._name, Key=key)
        except ClientError as error:
            # HEAD has no body to tell a missing bucket by; the upload that follows will.
            if code_of(error) in {"404", "NoSuchKey", "NotFound"}:
                return None
            raise
        return _Kept(found["ContentLength"], found.get("Metadata", {}).get("sha256", ""))

    def _compare_size(self, key: str, content: Pieces) -> None:
        """All that can be asked of a service that tells no checksum; it has compared the signed one itself."""
        kept = self._head(key)
        if kept is None or kept.size_bytes != content.size_bytes:
            raise _Damaged

    def _put(self, key: str, content: Pieces, digest: bytes) -> bool:
        """Upload; True when the service named the checksum of what it has, and it is the right one."""
        described: dict[str, Any] = {"Bucket": self._name, "Key": key, "ContentType": CONTENT_TYPE}
        described["Metadata"] = {"sha256": digest.hex()}
        if content.size_bytes > PART_BYTES:
            return self._put_in_parts(described, content)
        answer = _where_none_is(
            self._client.put_object,
            **described,
            Body=Slice(content, 0, content.size_bytes),
            ContentLength=content.size_bytes,
            ChecksumSHA256=_encoded(digest),
        )
        return _confirms(answer, _encoded(digest))

    def _put_in_parts(self, described: dict[str, Any], content: Pieces) -> bool:
        place = {"Bucket": described["Bucket"], "Key": described["Key"]}
        upload = self._client.create_multipart_upload(**described, ChecksumAlgorithm="SHA256")["UploadId"]
        try:
            parts, confirmed = [], True
            for number, start in enumerate(range(0, content.size_bytes, PART_BYTES), 1):
                end = min(start + PART_BYTES, content.size_bytes)
                checksum = _encoded(content.digest_of(start, end))
                answer = self._client.upload_part(
                    **place,
                    UploadId=upload,
                    PartNumber=number,
                    Body=Slice(content, start, end),
                    ContentLength=end - start,
                    ChecksumSHA256=checksum,
                )
                confirmed &= _confirms(answer, checksum)
                parts.append({"PartNumber": number, "ETag": answer["ETag"], "ChecksumSHA256": checksum})
            complete = self._client.complete_multipart_upload
            _where_none_is(complete, **place, UploadId=upload, MultipartUpload={"Parts": parts})
        except (HttpError, ClientError, BotoCoreError, OSError, _Damaged):
            # Parts that nobody completes are kept, and paid for, until somebody aborts.
            self._abort(place, upload)
            raise
        return confirmed

    def _abort(self, place: dict[str, str], upload: str) -> None:
        try:
            self._client.abort_multipart_upload(**place, UploadId=upload)
        except (HttpError, ClientError, BotoCoreError):
            return


def _where_none_is(write: Callable[..., Any], **parameters: Any) -> Any:
    """Write an object unless there is one; a service that does not know this condition is asked without it."""
    try:
        return write(**parameters, IfNoneMatch="*")
    except ClientError as error:
        if code_of(error) != "NotImplemented":
            raise
    if "Body" in parameters:
        parameters["Body"].seek(0)
    return write(**parameters)


def _confirms(answer: dict[str, Any], checksum: str) -> bool:
    """Whether an answer names this checksum; False when it names none.

    Raises:
        _Damaged: it names another one.
    """
    named = answer.get("ChecksumSHA256", "")
    if named and named != checksum:
        raise _Damaged
    return bool(named)


def _is_same(kept: _Kept, content: Pieces, digest: bytes) -> bool:
    return kept.size_bytes == content.size_bytes and kept.sha256 == digest.hex()


def _encoded(digest: bytes) -> str:
    return b64encode(digest).decode()
