"""Whether a DICOMweb service, a folder or a bucket would take what is sent to it; nothing is stored for that."""

import os
import secrets
import time
from collections.abc import Callable
from functools import wraps

from botocore.exceptions import BotoCoreError, ClientError

from dicomnet.scu.echo import EchoOutcome
from dicomnet.web.http import HttpError
from dicomnet.web.s3 import code_of, in_words, s3_client
from routing.kinds import s3_service
from routing.models import Destination
from routing.transports import folder
from routing.transports.callers import caller_of
from routing.transports.outcome import PeerLost
from routing.transports.stow_answer import read

Probe = Callable[[Destination], EchoOutcome]
# What a service that can only store may say to a query: it is there, and let Gantry in.
_NO_QUERY = frozenset({400, 405, 406, 415, 501})


class _NoAnswer(Exception):
    """It would not take anything; the message says why."""


def _timed(ask: Callable[[Destination], str]) -> Probe:
    @wraps(ask)
    def probe(destination: Destination) -> EchoOutcome:
        began = time.perf_counter()
        is_alive = True
        try:
            words = ask(destination)
        except (_NoAnswer, HttpError, PeerLost) as error:
            is_alive, words = False, str(error)
        return EchoOutcome(is_alive, round((time.perf_counter() - began) * 1000, 1), words)

    return probe


@_timed
def probe_stow(destination: Destination) -> str:
    """Ask for one study, which needs the same sign-in as storing (PS3.18 10.6); its answer is not looked at."""
    with caller_of(destination) as caller:
        answer = caller.request(
            "GET", f"{caller.url.path}/studies?limit=1", headers={"Accept": "application/dicom+json"}, limit=0
        )
    if answer.status in _NO_QUERY:
        return f"Answers (HTTP {answer.status}); it takes no queries, so the first delivery shows whether it stores"
    read(answer)
    if answer.status >= 500:
        raise _NoAnswer(f"HTTP {answer.status}: the server failed")
    return f"Answers (HTTP {answer.status})"


@_timed
def probe_folder(destination: Destination) -> str:
    """Write a file, sync it and remove it."""
    try:
        base = folder.open_base(destination.path)
    except OSError as error:
        raise _NoAnswer(folder.in_words(destination.path, error)) from error
    name = f".gantry-{secrets.token_hex(8)}.part"
    try:
        file = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, folder.FILE_MODE, dir_fd=base)
        try:
            os.write(file, b"Gantry\n")
            os.fsync(file)
        finally:
            os.close(file)
            os.unlink(name, dir_fd=base)
        room = os.fstatvfs(base)
    except OSError as error:
        raise _NoAnswer(folder.in_words(destination.path, error)) from error
    finally:
        os.close(base)
    return f"Writable, {room.f_bavail * room.f_frsize / 1e9:,.1f} GB free"


@_timed
def probe_s3(destination: Destination) -> str:
    """See the bucket, and begin an upload that is given up: that needs the right to store, and leaves nothing."""
    prefix = f"{destination.path}/" if destination.path else ""
    place = {"Bucket": destination.bucket, "Key": f"{prefix}gantry-echo"}
    try:
        with s3_client(s3_service(destination)) as client:
            client.head_bucket(Bucket=destination.bucket)
            upload = client.create_multipart_upload(**place)["UploadId"]
            client.abort_multipart_upload(**place, UploadId=upload)
    except ClientError as error:
        if code_of(error) == "404":
            raise _NoAnswer(f"There is no bucket “{destination.bucket}”; correct its name, or make it") from error
        raise _NoAnswer(in_words(error)) from error
    except BotoCoreError as error:
        raise _NoAnswer(f"the service cannot be called: {type(error).__name__}") from error
    return "The bucket is there and takes uploads"
