"""What an import changes, for people: what is added, changed and removed, field by field."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

SECRET_CHANGED, SECRET_SET = "changed", "set"
_LONGEST = 160


class What(StrEnum):
    """What becomes of a row."""

    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"


@dataclass(frozen=True)
class FieldChange:
    """A field's old and new value, in words; of a secret only that it changes."""

    name: str
    old: str
    new: str

    def __str__(self) -> str:
        return f"{self.name}: {self.new}" if not self.old else f"{self.name}: {self.old} -> {self.new}"


@dataclass(frozen=True)
class Change:
    """One row.

    Attributes:
        kind: the section.
        noun: what it is.
        title: which one.
        note: what else is to be known.
    """

    kind: str
    noun: str
    title: str
    what: What
    fields: tuple[FieldChange, ...] = ()
    note: str = ""


@dataclass
class Outcome:
    """What came of an import, or would.

    Attributes:
        warnings: what is allowed and still worth a thought.
        is_applied: it was done, and not only looked at.
        snapshot: number of what was kept before it.
    """

    changes: list[Change] = field(default_factory=list)
    unchanged: int = 0
    warnings: list[str] = field(default_factory=list)
    is_applied: bool = False
    snapshot: int | None = None

    @property
    def summary(self) -> str:
        """How much, in words."""
        counts = {what: sum(change.what == what for change in self.changes) for what in What}
        words = [f"{count} {what}" for what, count in counts.items() if count]
        return ", ".join(words) or "no change"

    @property
    def fingerprint(self) -> str:
        """The same for the same changes: what somebody agreed to is what is done."""
        told = [(each.kind, each.title, each.what, [str(one) for one in each.fields]) for each in self.changes]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def differences(old: Mapping[str, Any], new: Mapping[str, Any], secret: str = "") -> tuple[FieldChange, ...]:
    """The fields in which two forms of an entry differ.

    Args:
        secret: the name of the field, when it changes.
    """
    found = [
        FieldChange(name, in_words(old.get(name)), in_words(new.get(name)))
        for name in dict.fromkeys([*old, *new])
        if old.get(name) != new.get(name)
    ]
    return (*found, *([FieldChange(secret, "", SECRET_CHANGED)] if secret else []))


def as_added(values: Mapping[str, Any], key: Iterable[str], secret: str = "") -> tuple[FieldChange, ...]:
    """What is said of a new row beside its name."""
    found = [FieldChange(name, "", in_words(value)) for name, value in values.items() if name not in set(key)]
    return (*found, *([FieldChange(secret, "", SECRET_SET)] if secret else []))


def in_words(value: Any) -> str:
    """A value on one line; a long one is cut."""
    if value is None or value in ("", []):
        return "(none)"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        text = ", ".join(value)
    else:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} …"


def lines(outcome: Outcome) -> Iterable[str]:
    """The outcome as text for a terminal."""
    signs = {What.ADDED: "+", What.CHANGED: "~", What.REMOVED: "-"}
    for change in outcome.changes:
        note = f" ({change.note})" if change.note else ""
        yield f"{signs[change.what]} {change.noun} {change.title}{note}"
        for one in change.fields:
            yield f"      {one}"
    for words in outcome.warnings:
        yield f"! {words}"
