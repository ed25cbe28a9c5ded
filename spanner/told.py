"""How each source answered, and what is not as it was asked for: as JSON and as headers tell it."""

from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import quote

from spanner.answers import Answer

SOURCES = "X-Gantry-Sources"
_LONGEST = 300  # of one sentence
_PLAIN = " !#$&'()*+,-./:;<=>?@[]^_`{|}~"  # what a name may have besides letters and digits without being encoded


def sources_json(answers: Iterable[Answer]) -> list[dict[str, Any]]:
    """How each source answered."""
    return [
        source_json(one.source, one.state, len(one.rows), one.milliseconds, one.error, one.age_seconds)
        for one in answers
    ]


def source_json(
    name: str, state: str, count: int, milliseconds: float, error: str, age_seconds: float
) -> dict[str, Any]:
    """How one source answered."""
    return {
        "name": name,
        "state": state,
        "count": count,
        "milliseconds": milliseconds,
        "error": error,
        "age_seconds": age_seconds,
    }


def sources_header(answers: Iterable[Answer]) -> str:
    """``"North";state=ok;count=12;ms=35, "South";state=timeout;count=0;ms=10000``: a list as of RFC 8941 3.1.

    A name is in UTF-8 with percent encoding where it is not ASCII. ``age`` in seconds is there when the answer was
    given before.
    """
    return ", ".join(
        f'"{quote(answer.source, safe=_PLAIN)}";state={answer.state};count={len(answer.rows)}'
        f";ms={answer.milliseconds:.0f}" + (f";age={answer.age_seconds:.1f}" if answer.age_seconds else "")
        for answer in answers
    )


def missing_sentences(answers: Iterable[Answer]) -> list[str]:
    """A sentence for each source that did not answer whole."""
    return [f"{answer.source} ({answer.state}): {answer.error}" for answer in answers if not answer.is_whole]


def warning_header(service: str, sentences: Sequence[str]) -> str:
    """Values of Warning (PS3.18 8.3.4, RFC 7234 5.5)."""
    return ", ".join(f'299 {service} "{_quotable(sentence)}"' for sentence in sentences)


def _quotable(sentence: str) -> str:
    """As it may stand between quotation marks in a header (RFC 9110 5.6.4)."""
    plain = "".join(character if character.isprintable() else " " for character in sentence[:_LONGEST])
    return plain.encode("ascii", "replace").decode().replace("\\", "\\\\").replace('"', '\\"')
