"""The entries of a document: which row each is about, and what is wrong with its form."""

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from gateway.configuration.export import VERSION
from gateway.configuration.kind import Key, Kind
from gateway.configuration.kinds import KINDS
from gateway.configuration.parse import Document
from gateway.configuration.problems import BadDocument, Path, Problem

MOST = 20_000


@dataclass(frozen=True)
class Given:
    """One entry.

    Attributes:
        key: of the row that it is about.
        path: in the document.
        beside: names of all entries of the document by their model, for references to those that are wrong.
    """

    kind: Kind
    key: Key
    entry: Mapping[str, Any]
    path: Path
    beside: Mapping[type[Any], frozenset[str]]


def refuse_unknown_sections(document: Document) -> None:
    """Check what stands at the top.

    Raises:
        BadDocument: it is not of this version, or has a section that nobody knows.
    """
    names = [kind.name for kind in KINDS]
    problems = []
    if document.value.get("version") != VERSION or isinstance(document.value.get("version"), bool):
        words = f"This gateway reads documents of version {VERSION}: write version: {VERSION} at the top."
        problems.append(document.problem(("version",), words))
    for name in document.value:
        if name not in {"version", *names}:
            near = get_close_matches(name, names, n=1)
            words = f"did you mean {near[0]}?" if near else f"there are {', '.join(names)}."
            problems.append(document.problem((name,), f"There is no such section; {words}"))
    if problems:
        raise BadDocument(problems)


def read_entries(document: Document) -> tuple[list[Given], list[Problem]]:
    """All entries in the order of their kinds, and what is wrong with the form of others."""
    found: list[Given] = []
    problems: list[Problem] = []
    beside: dict[type[Any], frozenset[str]] = {}
    for kind in KINDS:
        entries = document.value.get(kind.name, [])
        if not isinstance(entries, list):
            words = f"Give a list of entries, each of which begins with a hyphen; none is written as {kind.name}: []."
            problems.append(document.problem((kind.name,), words))
            continue
        if len(entries) > MOST:
            problems.append(document.problem((kind.name,), f"At most {MOST:,} entries are read, not {len(entries):,}."))
            continue
        first: dict[Key, int] = {}
        for number, entry in enumerate(entries):
            path = (kind.name, number)
            if wrong := list(_wrong_form(document, kind, entry, path)):
                problems += wrong
                continue
            key = kind.key_of(kind.with_usual(entry))
            if key in first:
                words = f"{kind.title(key)} stands here a second time; it is on line {first[key]} already."
                problems.append(document.problem(path, words))
                continue
            first[key] = document.lines.get(path, 0)
            found.append(Given(kind, key, entry, path, beside))
        beside[kind.model] = frozenset(
            entry["name"] for entry in entries if isinstance(entry, dict) and isinstance(entry.get("name"), str)
        )
    return found, problems


def _wrong_form(document: Document, kind: Kind, entry: Any, path: Path) -> list[Problem]:
    if not isinstance(entry, dict):
        return [document.problem(path, f"Give the fields of the {kind.noun}, such as {kind.key[0]}: …")]
    problems = [document.problem((*path, name), words) for name, words in kind.unknown(entry).items()]
    problems += [document.problem((*path, name), "This is needed.") for name in kind.missing(entry)]
    for name in kind.key:
        if name in entry and (isinstance(entry[name], bool) or not isinstance(entry[name], str | int)):
            problems.append(document.problem((*path, name), "Give a text."))
        elif name in entry and str(entry[name]).strip() != str(entry[name]):
            problems.append(document.problem((*path, name), "Take away the spaces before and behind it."))
    return problems
