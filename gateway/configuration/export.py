"""The configuration as it is, as a document."""

from collections.abc import Iterator
from typing import Any

from gateway.configuration.dump import dump
from gateway.configuration.kinds import KINDS
from gateway.configuration.secret_references import KEPT, references

VERSION = 1


def export(*, secrets: str = KEPT) -> str:
    """The document; the same configuration makes the same bytes.

    Args:
        secrets: how they are written, one of ``secret_references.FORMS``; never themselves.
    """
    found: dict[str, Any] = {"version": VERSION}
    for kind in KINDS:
        rows = list(kind.rows())
        entries = [kind.without_usual(kind.values_of(row)) for row in rows]
        if kind.secret:
            name = kind.secret.name
            named = [row.name for row in rows if getattr(row, name)]
            written = references(named, kind.secret, secrets)
            for row, entry in zip(rows, entries, strict=True):
                if row.name in written:
                    entry[name] = written[row.name]
        found[kind.name] = entries
    return dump(found)


def sealed_secrets() -> dict[str, dict[str, str]]:
    """Every secret of the configuration as its row has it, encrypted: by kind, and by name."""
    found: dict[str, dict[str, str]] = {}
    for kind in KINDS:
        if kind.secret:
            found[kind.name] = dict(_sealed(kind))
    return found


def _sealed(kind: Any) -> Iterator[tuple[str, str]]:
    for row in kind.rows():
        if sealed := getattr(row, kind.secret.name):
            yield row.name, sealed
