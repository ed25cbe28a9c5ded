"""Read a document: YAML that says one thing to everybody, with the line of each value.

A strict part of YAML 1.2: no anchors and aliases (which make small documents huge), no tags, no key twice, and no word
that is a number, a time or a switch by surprise: ``no``, ``on``, ``22:00`` and ``0010`` are text.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from gateway.configuration.problems import BadDocument, Path, Problem, path_in_words

LARGEST_BYTES = 1_000_000
DEEPEST = 40
# Of what PyYAML writes in quotes when it is meant as text, so that a text is never read as something else.
_WORDS: dict[str, Any] = {"": None, "~": None, "null": None, "true": True, "false": False}
_WHOLE = re.compile(r"[-+]?(0|[1-9][0-9]{0,18})")
_BROKEN = re.compile(r"[-+]?(0|[1-9][0-9]{0,18})\.[0-9]{1,30}([eE][-+][0-9]{1,3})?")
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # only its events are used: nothing is ever constructed


@dataclass(frozen=True)
class Document:
    """A document as plain values.

    Attributes:
        lines: of each value, by its path.
    """

    value: dict[str, Any]
    lines: dict[Path, int] = field(default_factory=dict)

    def problem(self, path: Path, words: str, *, follows: bool = False) -> Problem:
        """A problem with its place; what is missing has the line of what it is missing in."""
        line = next((self.lines[path[:end]] for end in range(len(path), 0, -1) if path[:end] in self.lines), 0)
        return Problem(words, path_in_words(path), line, follows)


def parse(content: bytes | str) -> Document:
    """Read a document.

    Raises:
        BadDocument: it is no YAML, or more than the part of it that is taken here.
    """
    text = _text(content)
    reader = _Reader(yaml.parse(text, Loader=_LOADER))
    try:
        value = reader.document()
    except yaml.MarkedYAMLError as error:
        raise BadDocument([_not_yaml(error, text)]) from error
    except yaml.YAMLError as error:
        raise BadDocument([Problem("It holds a character that is not allowed in YAML: remove it.")]) from error
    if not isinstance(value, dict):
        raise BadDocument([Problem("The document must be a mapping that begins with version: 1.", line=1)])
    return Document(value, reader.lines)


def _text(content: bytes | str) -> str:
    size = len(content)
    if size > LARGEST_BYTES:
        raise BadDocument([Problem(f"The document has {size:,} bytes; at most {LARGEST_BYTES:,} are read.")])
    if isinstance(content, str):
        return content
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadDocument([Problem("The document is not in UTF-8: save it as UTF-8 text.")]) from error


class _Reader:
    """Builds plain values from the events of a YAML parser."""

    def __init__(self, events: Iterable[Any]) -> None:
        self._events: Iterator[Any] = iter(events)
        self.lines: dict[Path, int] = {}

    def document(self) -> Any:
        """The only document of the stream."""
        next(self._events)  # the stream begins
        if isinstance(next(self._events), yaml.StreamEndEvent):
            raise BadDocument([Problem("The document is empty.")])
        value = self._node(next(self._events), ())
        next(self._events)  # the document ends
        following = next(self._events)
        if not isinstance(following, yaml.StreamEndEvent):
            raise _bad(following, (), "A second document begins here (---): write all in one.")
        return value

    def _node(self, event: Any, path: Path) -> Any:
        self.lines[path] = event.start_mark.line + 1
        if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
            raise _bad(event, path, "Anchors (&) and aliases (*) are not taken: write it out, or in quotes.")
        if event.tag is not None:
            raise _bad(event, path, "Tags (!) are not taken: write the plain value, or put it in quotes.")
        if len(path) > DEEPEST:
            raise _bad(event, path[:3], f"This is nested deeper than {DEEPEST} levels.")
        if isinstance(event, yaml.ScalarEvent):
            return _scalar(event, path)
        return self._list(path) if isinstance(event, yaml.SequenceStartEvent) else self._mapping(path)

    def _list(self, path: Path) -> list[Any]:
        items: list[Any] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            items.append(self._node(event, (*path, len(items))))
        return items

    def _mapping(self, path: Path) -> dict[str, Any]:
        found: dict[str, Any] = {}
        first: dict[str, int] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent) or (event.value == "<<" and not event.style):
                raise _bad(event, path, "A key must be a plain word, followed by a colon.")
            self._node(event, (*path, event.value))
            if event.value in found:
                words = f"“{event.value}” stands here a second time; it is on line {first[event.value]} already."
                raise _bad(event, path, words)
            first[event.value] = self.lines[*path, event.value]
            found[event.value] = self._node(next(self._events), (*path, event.value))
            self.lines[*path, event.value] = first[event.value]
        return found


def _scalar(event: Any, path: Path) -> Any:
    text: str = event.value
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise _bad(event, path, "The text holds a character that cannot be stored: remove it.")
    if event.style:  # in quotes, or a block
        return text
    if text.lower() in _WORDS and text in {text.lower(), text.upper(), text.title()}:
        return _WORDS[text.lower()]
    if _WHOLE.fullmatch(text):
        return int(text)
    return float(text) if _BROKEN.fullmatch(text) else text


def _bad(event: Any, path: Path, words: str) -> BadDocument:
    return BadDocument([Problem(words, path_in_words(path), event.start_mark.line + 1)])


def _not_yaml(error: yaml.MarkedYAMLError, text: str) -> Problem:
    mark = error.problem_mark
    number = mark.line if mark is not None else 0
    lines = text.splitlines()
    line = lines[number] if number < len(lines) else ""
    if re.match(r" *\t", line):
        return Problem("A tab stands at the beginning of the line: YAML is indented with spaces.", line=number + 1)
    words = (error.problem or "it cannot be read").rstrip(".")
    if "nesting" in words:
        return Problem(f"This is nested deeper than {DEEPEST} levels.", line=number + 1)
    return Problem(f"This is no YAML ({words}): look at quotes, colons and indentation up to here.", line=number + 1)
