"""Names for files: unique, in order of time, made of nothing that came from outside (ULID)."""

import random
import threading
import time
from datetime import UTC, datetime

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_lock = threading.Lock()
_last = 0


def new_ulid() -> str:
    """26 characters: 48 bits of milliseconds since 1970, then 80 random bits.

    Of two within one millisecond the later one of this process is greater, so that what was acknowledged first is
    indexed first. The random bits need not be unpredictable; the generator is seeded anew in each forked process.
    """
    global _last  # noqa: PLW0603 (what makes them ascend)
    milliseconds = time.time_ns() // 1_000_000
    with _lock:
        is_same = _last >> 80 == milliseconds
        _last = _last + 1 if is_same else milliseconds << 80 | random.getrandbits(80)
        number = _last
    return _text(number)


def first_ulid_at(moment: datetime) -> str:
    """The least of all that may be made in this millisecond: names before it are of things that came earlier."""
    return _text(int(moment.timestamp() * 1000) << 80)


def is_ulid(text: str) -> bool:
    """Whether a text has the form of such a name."""
    return len(text) == 26 and set(text) <= set(_ALPHABET) and text[0] < "8"


def moment_of(ulid: str) -> datetime:
    """When a name was made, to the millisecond."""
    milliseconds = 0
    for char in ulid[:10]:
        milliseconds = milliseconds << 5 | _ALPHABET.index(char)
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def _text(number: int) -> str:
    return "".join(_ALPHABET[number >> shift & 31] for shift in range(125, -1, -5))
