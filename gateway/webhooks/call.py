"""Send one message: POST, within ten seconds, to an address that was checked; what came of it in words."""

import re
import time
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlsplit

from django.utils import timezone

from dicomnet.tls import BadTlsFile
from dicomnet.web.addresses import BadAddress, parse_url
from dicomnet.web.http import Answer, Caller, HttpError
from dicomnet.web.secrets import SecretUnusable
from dicomnet.web.tls import context_of
from gateway.webhooks.models import Webhook
from gateway.webhooks.sign import headers_of

DEADLINE_SECONDS = 10
ANSWER_BYTES = 4_096
SHOWN_CHARACTERS = 500
LONGEST_RETRY_AFTER_SECONDS = 3_600
_SECONDS = re.compile(r"[0-9]{1,9}")  # a date of HTTP is passed over
# The receiver is there, and this message it does not take: others it may.
_ABOUT_THE_MESSAGE = frozenset({400, 406, 409, 411, 413, 414, 415, 422, 431, 451})


@dataclass(frozen=True)
class Outcome:
    """What came of one attempt.

    Attributes:
        status: of HTTP; None when there was no answer.
        words: what it is, or why there is none.
        text: the beginning of the answer's body; shown to who asked for a test, and kept nowhere.
        asked_seconds: for how long the receiver asks to be left alone.
    """

    status: int | None
    words: str
    milliseconds: float = 0
    text: str = ""
    asked_seconds: float = 0

    @property
    def is_alive(self) -> bool:
        """It was taken."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def is_gone(self) -> bool:
        """The receiver wants no more messages."""
        return self.status == HTTPStatus.GONE

    @property
    def is_about_the_message(self) -> bool:
        """Another message may be taken."""
        return self.status in _ABOUT_THE_MESSAGE


def call(webhook: Webhook, message_id: str, body: str) -> Outcome:
    """Send one message, and read its answer up to a bound; no redirect is followed."""
    began = time.monotonic()
    content = body.encode()
    try:
        url = parse_url(webhook.url)
        headers = headers_of(webhook, message_id, content, timezone.now()) | {"Content-Type": "application/json"}
        tls = context_of(shows_certificate=False) if url.is_encrypted else None
        with Caller(url, timeout_seconds=DEADLINE_SECONDS, whole_seconds=DEADLINE_SECONDS, tls=tls) as caller:
            # As it was entered: to some receivers a slash at the end is another address.
            target = urlsplit(webhook.url).path or "/"
            answer = caller.request(
                "POST", target, headers=headers, content=[content], length=len(content), limit=ANSWER_BYTES
            )
    except BadAddress as error:
        return Outcome(None, f"It is not called: {error}")
    except SecretUnusable:
        return Outcome(None, "Its secret cannot be decrypted: make a new one, or put the key back.")
    except (HttpError, BadTlsFile) as error:
        return Outcome(None, str(error), _milliseconds(began))
    return _read(answer, _milliseconds(began))


def _read(answer: Answer, milliseconds: float) -> Outcome:
    text = answer.body.decode(errors="replace").replace("\0", "\N{REPLACEMENT CHARACTER}")[:SHOWN_CHARACTERS]
    asked = answer.headers.get("retry-after", "").strip()
    return Outcome(
        answer.status,
        _words(answer.status),
        milliseconds,
        text,
        min(int(asked), LONGEST_RETRY_AFTER_SECONDS) if _SECONDS.fullmatch(asked) else 0,
    )


def _words(status: int) -> str:
    if 300 <= status < 400:
        return f"HTTP {status}: it sends on to another address, which is not followed; enter the right URL."
    if status == HTTPStatus.GONE:
        return "HTTP 410: it wants no more messages, and was turned off."
    try:
        return f"HTTP {status} {HTTPStatus(status).phrase}"
    except ValueError:
        return f"HTTP {status}"


def _milliseconds(began: float) -> float:
    return (time.monotonic() - began) * 1000
