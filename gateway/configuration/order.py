"""How a document is to be applied, and by whom."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Order:
    """What was asked for.

    Attributes:
        what: is done, for the record: ``import of gantry.yaml``.
        author: a user; None for a program.
        author_name: for the record, also of an API key.
        prune: rows of the document's sections that are not in it are removed.
        may_turn_off: rows that cannot be removed are turned off instead.
        kept: secrets that ``kept`` means, sealed, by kind and name; those of the rows where it has none.
        agreed: fingerprint of the changes that somebody has seen; empty: nobody has.
    """

    what: str
    author: Any = None
    author_name: str = ""
    reason: str = ""
    prune: bool = False
    may_turn_off: bool = False
    is_dry_run: bool = False
    agreed: str = ""
    kept: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
