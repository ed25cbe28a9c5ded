"""Decoded, rendered and transcoded pixels, and data sets as JSON: what a child makes of a file that is intact."""

import os
from functools import cache
from pathlib import Path
from typing import Any

from dicomnet.part10 import DEFLATED
from studies.children import ChildFailed, Children
from studies.errors import CannotDecode, NoPixels, NoSuchFrame, NoSuchValue
from studies.frames import layout_of
from studies.integrity import ensure_intact
from studies.models import Instance

MEMORY_BYTES = 3 << 30
SECONDS = 60
_KNOWN = {each.__name__: each for each in (NoPixels, NoSuchFrame, NoSuchValue)}
_IN_WORDS = {"MemoryError": "it needs more memory than it may have", "NotTheSame": "it would lose something"}


@cache
def workers() -> Children:
    """The children of this process: a large picture must not hold up every thumbnail."""
    count = max(2, min(4, os.cpu_count() or 2))
    return Children("studies.pixel_worker", count, seconds=SECONDS, memory_bytes=MEMORY_BYTES)


@cache
def background_workers() -> Children:
    """One that gives way to everything else."""
    return Children("studies.pixel_worker", 1, seconds=SECONDS, memory_bytes=MEMORY_BYTES, niceness=15)


def ask(instance: Instance, work: str, **more: Any) -> tuple[dict[str, Any], bytes]:
    """Have something made of one instance's file, which is checked before.

    Raises:
        InstanceMissing, InstanceDamaged: the file is not what was acknowledged.
        NoPixels, NoSuchFrame, NoSuchValue: it does not hold what is asked for.
        CannotDecode: no codec can make anything of it, or not within the limits.
        Busy: too much is asked for at once.
    """
    return ask_of(ensure_intact(instance), work, **more)


def ask_of(path: Path, work: str, **more: Any) -> tuple[dict[str, Any], bytes]:
    """The same of a file that is known to be intact."""
    return translated(workers(), {"work": work, "path": str(path), **more})


def translated(children: Children, question: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """Ask, with the archive's errors for what the child met."""
    try:
        return children.ask(question)
    except ChildFailed as error:
        if error.kind in _KNOWN:
            raise _KNOWN[error.kind](
                {"NoPixels": "The instance holds no pixel data."}.get(error.kind, _ABSENT)
            ) from error
        words = _IN_WORDS.get(error.kind, f"no codec here can do it ({error.kind})" if error.kind else str(error))
        raise CannotDecode(words) from error


_ABSENT = "The instance does not hold what is asked for."


def decoded_frame(instance: Instance, number: int) -> bytes:
    """One frame, counted from 1, as samples in little endian; colours are RGB."""
    return ask(instance, "decode", **where_of(instance, number))[1]


def encoded_frame(instance: Instance, number: int, transfer_syntax_uid: str) -> bytes:
    """One frame, counted from 1, in a compressed transfer syntax, without loss."""
    return ask(instance, "encode", transfer_syntax_uid=transfer_syntax_uid, **where_of(instance, number))[1]


def where_of(instance: Instance, number: int) -> dict[str, Any]:
    """How to ask the child for a frame: by its place in the file where that is known, so that it reads no others.

    Raises:
        NoSuchFrame, NoPixels, CannotDecode: there is none.
    """
    where: dict[str, Any] = {"frame": number}
    if instance.transfer_syntax_uid in DEFLATED:
        return where
    layout = layout_of(instance)
    pieces = layout.pieces_of(number)
    if layout.is_encapsulated or layout.is_plain:
        where |= {"pieces": pieces, "keyword": layout.keyword}
    return where


def ask_card(text: str, **options: Any) -> bytes:
    """A picture that only says what something is.

    Raises:
        Busy: too much is asked for at once.
    """
    return translated(workers(), {"work": "card", "text": text, **options})[1]
