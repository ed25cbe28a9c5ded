"""Heads of the chains in a file outside the database: what is cut off at the end of a chain is missed by it.

``GANTRY_HOME/audit/anchors.jsonl`` is only ever appended to, and each line is signed together with the signature of the
line before it.
"""

import fcntl
import json
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from django.utils import timezone

from gateway.audit.canonical import compact, moment
from gateway.audit.journal import folder
from gateway.audit.keys import known_keys, signing_key
from gateway.audit.models import Chain

logger = logging.getLogger(__name__)
FORM = "gantry-anchor-1"
LONGEST_LINE = 1 << 20  # thousands of chains


@dataclass(frozen=True)
class Anchor:
    """One line of the file.

    Attributes:
        line: its number in the file, from 1.
        heads: length and hash by chain.
        is_sound: signed by a key of ours, and behind the line that it was written behind.
    """

    line: int
    at: str
    heads: dict[int, tuple[int, str]]
    signature: str
    is_sound: bool


def anchors_file() -> Path:
    """Where the anchors of this host are."""
    return folder() / "anchors.jsonl"


def anchor() -> bool:
    """Write the heads as they are, unless they are those of the last line; returns whether a line was written.

    Raises:
        OSError: the disk does not take it.
    """
    with anchors_file().open("a+b") as file:
        os.fchmod(file.fileno(), 0o600)
        fcntl.flock(file, fcntl.LOCK_EX)
        # Read under the lock: of two who anchor at once the later one writes the later heads.
        heads = {str(pk): [length, head] for pk, length, head in Chain.objects.values_list("pk", "length", "head")}
        last = _last_line(file)
        if not heads or (last and last[3] == heads):
            return False
        key = signing_key()
        content = [FORM, moment(timezone.now()), last[-1] if last else "", heads, key.ident]
        line = [*content, key.sign(compact(content).encode())]
        file.write((compact(line) + "\n").encode())
        os.fsync(file.fileno())
    # A log that is kept elsewhere is an anchor too, beyond the reach of whoever owns this disk.
    logger.info("audit trail anchored", extra={"heads": compact(heads), "signature": line[-1]})
    return True


def read_anchors(path: Path, size_bytes: int) -> Iterator[Anchor]:
    """The anchors in so much of a file, the oldest first, one at a time.

    Raises:
        OSError: it cannot be read.
    """
    before = ""
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            size_bytes -= len(line)
            if size_bytes < 0:
                return
            found = _parsed(line)
            if found is None:
                yield Anchor(number, "", {}, "", is_sound=False)
                continue
            *content, signature = found
            key = known_keys().get(content[4])
            is_signed = key is not None and key.sign(compact(content).encode()) == signature
            heads = {int(pk): (length, head) for pk, (length, head) in content[3].items()} if is_signed else {}
            yield Anchor(number, content[1], heads, signature, is_sound=is_signed and content[2] == before)
            before = signature


def _parsed(line: bytes) -> list[Any] | None:
    try:
        found = json.loads(line)
    except ValueError:
        return None
    is_one = isinstance(found, list) and len(found) == 6 and found[0] == FORM and isinstance(found[3], dict)
    return found if is_one else None


def _last_line(file: IO[bytes]) -> list[Any] | None:
    """The last line; what a power cut has left of one that was never whole is cut off."""
    end = file.seek(0, os.SEEK_END)
    file.seek(max(0, end - LONGEST_LINE))
    tail = file.read()
    whole = tail[: tail.rfind(b"\n") + 1]
    if len(whole) < len(tail):
        file.truncate(end - len(tail) + len(whole))
    return _parsed(whole.splitlines()[-1]) if whole else None
