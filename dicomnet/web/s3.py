"""A client of one S3 service: boto3 speaks the protocol, and our own HTTP caller carries it.

So the address is checked, nothing of the machine's AWS configuration or environment is used, and no request goes to
another host than the endpoint.
"""

import os
import re
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

import boto3
import botocore.session
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.config import Config
from botocore.exceptions import ClientError
from django.utils.translation import gettext as _

from dicomnet.tls import BadTlsFile
from dicomnet.web.addresses import BadAddress, Url, parse_url
from dicomnet.web.http import Caller, HttpError
from dicomnet.web.secrets import SecretUnusable, unseal
from dicomnet.web.tls import context_of

DEFAULT_REGION = "us-east-1"
AWS = "https://s3.{region}.amazonaws.com"
ANSWER_BYTES = 16 << 20
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_PREFIX = re.compile(r"[A-Za-z0-9!_.*'()-]+(/[A-Za-z0-9!_.*'()-]+)*")
_REGION = re.compile(r"[a-z0-9-]{1,32}")
READ_BYTES = 1 << 18
_making = threading.Lock()  # making a client is the one thing that a session must not do in two threads
_WORDS = {
    "NoSuchBucket": "there is no such bucket; correct its name, or make it",
    "AccessDenied": "the access key may not do this; allow s3:PutObject, s3:GetObject and s3:ListBucket",
    "AllAccessDisabled": "the account is closed",
    "AccountProblem": "there is a problem with the account",
    "InvalidAccessKeyId": "it does not know the access key; correct it",
    "SignatureDoesNotMatch": "the secret key is not that of the access key; enter it again",
    "ExpiredToken": "the access key has expired",
    "RequestTimeTooSkewed": "its clock and this machine's differ; correct this machine's",
    "PermanentRedirect": "the bucket is in another region; enter that region",
    "AuthorizationHeaderMalformed": "the bucket is in another region; enter that region",
    "InvalidRegionName": "there is no such region; correct its name",
    "SlowDown": "it asks for fewer requests",
    "ServiceUnavailable": "it is not available now",
    "InternalError": "it failed",
    "InvalidObjectState": "the object is in its cold storage",
    "GlacierExpeditedRetrievalNotAvailable": "it has no room for expedited restores now; choose Standard",
    "QuotaExceeded": "its quota is used up",
    "XMinioStorageFull": "its storage is full",
    "EntityTooLarge": "the object is larger than it takes",
    "PreconditionFailed": "another upload of the same instance was quicker",
}
_OF_HEAD = {"403": "AccessDenied", "301": "PermanentRedirect", "503": "ServiceUnavailable", "500": "InternalError"}
_OWN_HEADERS = frozenset({"host", "content-length", "expect", "transfer-encoding", "user-agent", "accept-encoding"})


@dataclass(frozen=True)
class S3Service:
    """One S3 service and whom it knows us as.

    Attributes:
        name: for messages to people.
        endpoint_url: empty: that of AWS in its region.
        sealed_secret_key: sealed for the endpoint's origin (dicomnet.web.secrets).
        timeout_seconds: until an answer begins.
    """

    name: str
    endpoint_url: str
    region: str
    access_key: str
    sealed_secret_key: str
    timeout_seconds: float

    @property
    def endpoint(self) -> str:
        """What is called."""
        return endpoint_of(self.endpoint_url, self.region)


def endpoint_of(url: str, region: str) -> str:
    """The URL that is called: as given, or that of AWS."""
    return url or AWS.format(region=region or DEFAULT_REGION)


def problems_of(bucket: str, region: str, prefix: str) -> Iterable[tuple[str, str]]:
    """What is wrong with a place in S3, each with the field in which it shows: bucket, region or path."""
    if not _BUCKET.fullmatch(bucket) or ".." in bucket:
        yield "bucket", _("A bucket's name has 3 to 63 small letters, digits, points and hyphens.")
    if region and not _REGION.fullmatch(region):
        yield "region", _("Enter the region's name such as eu-central-1, or leave it empty.")
    if prefix and (not _PREFIX.fullmatch(prefix) or any(set(part) == {"."} for part in prefix.split("/"))):
        yield (
            "path",
            _("The prefix is made of letters, digits and -_.!*'(), with / between its parts, none at its ends."),
        )


def code_of(error: ClientError) -> str:
    """The error's code; what a HEAD request leaves out is told by its HTTP status."""
    code = str(error.response.get("Error", {}).get("Code", ""))
    return _OF_HEAD.get(code, code)


def status_of(error: ClientError) -> int:
    """The HTTP status; 0 where there is none."""
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def is_known(code: str) -> bool:
    """Whether an error's code is one that we have words for."""
    return code in _WORDS


def in_words(error: ClientError) -> str:
    """What an error of the service means, and what to change."""
    return words_of(code_of(error) or f"HTTP {status_of(error)}")


def words_of(code: str) -> str:
    """What an error's code means, and what to change."""
    return f"{code}: {_WORDS.get(code, 'the service refused it')}"


@contextmanager
def s3_client(service: S3Service) -> Iterator[Any]:
    """A boto3 client of a service; its calls raise HttpError beside botocore's own errors.

    Raises:
        HttpError: its address, its secret or the TLS files cannot be used.
    """
    try:
        url = parse_url(service.endpoint)
        secret = unseal(service.sealed_secret_key, place=url.origin)
        tls = context_of(shows_certificate=False) if url.is_encrypted else None
    except BadAddress as error:
        raise HttpError(f"{service.name} is not called: {error}") from error
    except (SecretUnusable, BadTlsFile) as error:
        raise HttpError(f"{service.name} cannot be called: {error}") from error
    with Caller(url, timeout_seconds=service.timeout_seconds, tls=tls) as caller:
        with _making:
            client = _session().client(
                "s3",
                endpoint_url=service.endpoint.rstrip("/"),
                region_name=service.region or DEFAULT_REGION,
                aws_access_key_id=service.access_key,
                aws_secret_access_key=secret,
                config=_CONFIG,
            )
        client.meta.events.register("before-send.s3", _Carrier(caller).carry)
        yield client


_CONFIG = Config(
    signature_version="s3v4",
    s3={
        "addressing_style": "path",  # what S3-compatible servers have in common, and one host for all buckets
        "payload_signing_enabled": True,  # every service checks what arrived against this, whatever else it knows
    },
    retries={"total_max_attempts": 1},  # the ledger tries again
    request_checksum_calculation="when_required",  # ours are given
    response_checksum_validation="when_required",
    proxies={},
    parameter_validation=True,
)


class _Carrier:
    """Carries boto3's requests over our connection."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def carry(self, request: AWSPreparedRequest, **kwargs: Any) -> AWSResponse:
        """Answer a request in place of boto3's own HTTP client.

        Raises:
            HttpError: there is no answer, or the request is for another host.
        """
        parts = urlsplit(request.url)
        if not _is_for(self._caller.url, parts.scheme, parts.netloc):
            raise HttpError(f"{self._caller.url.authority} sends on to another address, which is not followed")
        headers = {name: _text(value) for name, value in request.headers.items() if name.lower() not in _OWN_HEADERS}
        answer = self._caller.request(
            request.method,
            parts.path + (f"?{parts.query}" if parts.query else ""),
            headers=headers,
            content=_pieces(request.body),
            length=int(_text(request.headers.get("Content-Length", "0"))),
            limit=ANSWER_BYTES,
        )
        return AWSResponse(request.url, answer.status, answer.headers, _Raw(answer.body))


class _Raw(BytesIO):
    """A body as botocore reads it."""

    def stream(self, amount: int = READ_BYTES) -> Iterator[bytes]:
        """What is left, in pieces."""
        while piece := self.read(amount):
            yield piece


@lru_cache(maxsize=1)
def _session() -> Any:
    # Its description of the S3 API takes a tenth of a second to load, and is the same for all.
    without = {"profile": None, "config_file": os.devnull, "credentials_file": os.devnull}
    variables = {name: (None, None, value, None) for name, value in without.items()}
    return boto3.session.Session(botocore_session=botocore.session.Session(session_vars=variables))


def _is_for(url: Url, scheme: str, netloc: str) -> bool:
    try:
        return parse_url(f"{scheme}://{netloc}").origin == url.origin
    except BadAddress:
        return False


def _pieces(body: Any) -> Iterator[bytes]:
    if body is None:
        return
    if isinstance(body, str | bytes | bytearray):
        yield body.encode() if isinstance(body, str) else bytes(body)
        return
    while piece := body.read(READ_BYTES):
        yield piece


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)
