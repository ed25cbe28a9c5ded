"""What the answer to a STOW-RS request says of each instance (PS3.18 10.5.3, PS3.3 C.12.1.1.1 and Table I.2-1)."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from dicomnet.statuses import in_words
from dicomnet.web.http import Answer
from routing.models import Delivery
from routing.transports.outcome import Outcome, PeerLost, is_permanent

REFERENCED_SOP_SEQUENCE, FAILED_SOP_SEQUENCE = "00081199", "00081198"
REFERENCED_SOP_INSTANCE_UID, FAILURE_REASON, WARNING_REASON = "00081155", "00081197", "00081196"
PROCESSING_FAILURE = 0x0110
LONGEST_RETRY_AFTER_SECONDS = 3_600

# Answers that are about the destination, not about what was sent to it: what to change, or what to wait for.
_OF_DESTINATION = {
    401: "it does not know who is calling; correct how Gantry signs in, the user name and the password or token",
    403: "it does not let Gantry store; its administrator has to allow that",
    404: "there is no STOW-RS service at this address; correct the URL",
    405: "there is no STOW-RS service at this address; correct the URL",
    407: "a proxy in between wants to know who is calling; have it let Gantry through",
    408: "it waited too long for the request",
    410: "there is no STOW-RS service at this address any more; correct the URL",
    411: "it does not take the request in this form",
    421: "it is another server than the one that was called; correct the URL",
    425: "it asks to be tried again",
    429: "it asks for fewer requests",
    501: "it does not take instances by STOW-RS",
    503: "it is not available now",
    507: "its storage is full",
}
# Answers that refuse the content of a request. Of an instance alone some are final, the others if they are repeated.
_OF_CONTENT = {
    400: "it finds the request malformed",
    409: "it stored nothing",
    413: "the instance is larger than it takes",
    415: "it does not take this transfer syntax or kind of object",
    422: "it cannot process the content",
}
_FINAL_AT_ONCE = frozenset({413, 415})


@dataclass
class Said:
    """An answer taken apart.

    Attributes:
        stored: DIMSE status, success or warning, by SOP Instance UID.
        failed: Failure Reason by SOP Instance UID.
    """

    http_status: int
    stored: dict[str, int] = field(default_factory=dict)
    failed: dict[str, int] = field(default_factory=dict)

    @property
    def is_about_all(self) -> bool:
        """It refuses the content of the request as a whole and names no instance."""
        return self.http_status in _OF_CONTENT and not self.stored and not self.failed


def read(answer: Answer) -> Said:
    """Take an answer apart.

    Raises:
        PeerLost: it is about the destination.
    """
    status = answer.status
    if 300 <= status < 400:
        host = urlsplit(answer.headers.get("location", "")).hostname or "another address"
        raise PeerLost(f"HTTP {status}: it sends on to {host}, which is not followed; enter the right URL")
    if status in _OF_DESTINATION:
        wait = retry_after_seconds(answer.headers.get("retry-after", ""))
        raise PeerLost(f"HTTP {status}: {_OF_DESTINATION[status]}", retry_after_seconds=wait)
    data = _data_set(answer)
    said = Said(status)
    for item in _items(data, FAILED_SOP_SEQUENCE):
        if uid := _text(item, REFERENCED_SOP_INSTANCE_UID):
            said.failed[uid] = _number(item, FAILURE_REASON) or PROCESSING_FAILURE
    for item in _items(data, REFERENCED_SOP_SEQUENCE) if status < 300 or status == HTTPStatus.CONFLICT else ():
        if uid := _text(item, REFERENCED_SOP_INSTANCE_UID):
            said.stored[uid] = _number(item, WARNING_REASON) or 0
    return said


def outcomes(said: Said, deliveries: Mapping[str, Delivery]) -> Iterator[Outcome]:
    """The outcome of each delivery, by the SOP Instance UID that was sent.

    What the answer does not name is not acknowledged, whatever the status says of the request.

    Raises:
        PeerLost: an error of the server, which may or may not have stored them.
    """
    unnamed = []
    for uid, delivery in deliveries.items():
        if uid in said.failed:
            status = said.failed[uid]
            permanent = is_permanent(status, delivery.last_status)
            yield Outcome(delivery, status, f"the destination answered {in_words(status)}", permanent)
        elif uid in said.stored:
            yield Outcome(delivery, said.stored[uid])
        else:
            unnamed.append(delivery)
    if unnamed and said.http_status >= 500:
        raise PeerLost(f"HTTP {said.http_status}: the server failed", tuple(unnamed))
    for delivery in unnamed:
        yield _unnamed(said, delivery)


def retry_after_seconds(text: str) -> float:
    """How long to wait (RFC 9110 10.2.3); 0 when the answer does not say."""
    if text.strip().isdecimal():
        seconds = float(text)
    else:
        try:
            moment = parsedate_to_datetime(text)
        except ValueError:
            return 0
        seconds = (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    return min(max(seconds, 0), LONGEST_RETRY_AFTER_SECONDS)


def _unnamed(said: Said, delivery: Delivery) -> Outcome:
    if said.is_about_all:
        permanent = said.http_status in _FINAL_AT_ONCE or delivery.attempts > 1
        return Outcome(delivery, None, f"HTTP {said.http_status}: {_OF_CONTENT[said.http_status]}", permanent)
    return Outcome(delivery, None, f"HTTP {said.http_status}: the answer does not say whether the instance is stored")


def _data_set(answer: Answer) -> dict[str, Any]:
    """The answer's data set in the DICOM JSON Model (PS3.18 F.2); empty when it holds none that can be read."""
    try:
        found = json.loads(answer.body) if answer.is_whole else {}
    except (ValueError, RecursionError):
        return {}
    if isinstance(found, list) and len(found) == 1:  # some servers answer with an array of one
        found = found[0]
    return found if isinstance(found, dict) else {}


def _items(data: dict[str, Any], tag: str) -> list[dict[str, Any]]:
    return [item for item in _values(data, tag) if isinstance(item, dict)]


def _text(item: dict[str, Any], tag: str) -> str:
    values = _values(item, tag)
    return values[0].strip("\0 ") if values and isinstance(values[0], str) else ""


def _number(item: dict[str, Any], tag: str) -> int | None:
    values = _values(item, tag)
    return values[0] if values and type(values[0]) is int and 0 < values[0] <= 0xFFFF else None


def _values(item: dict[str, Any], tag: str) -> list[Any]:
    element = item.get(tag)
    values = element.get("Value") if isinstance(element, dict) else None
    return values if isinstance(values, list) else []
