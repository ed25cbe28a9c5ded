"""What a rule can do to an instance and its study, as plain data."""

from dataclasses import dataclass, field

from routing.changeable import Attribute

KEEP, REMOVE = "keep", "remove"


class BadAction(ValueError):
    """The JSON is no action; the message says where and why."""


@dataclass(frozen=True)
class Set:
    """Give an attribute a value, whether it was there or not."""

    attribute: Attribute
    value: str


@dataclass(frozen=True)
class Copy:
    """Give an attribute the value of another; one without value changes nothing."""

    attribute: Attribute
    source: Attribute


@dataclass(frozen=True)
class Prefix:
    """Put a text before each value that an attribute has."""

    attribute: Attribute
    value: str


@dataclass(frozen=True)
class Remove:
    """Remove an attribute."""

    attribute: Attribute


@dataclass(frozen=True)
class Map:
    """Replace each value by a table; what it does not list is kept, removed, or replaced by one value.

    Attributes:
        default: KEEP, REMOVE, or a value as ``("value",)``.
    """

    attribute: Attribute
    table: dict[str, str] = field(hash=False)
    default: str | tuple[str] = KEEP


@dataclass(frozen=True)
class NewUids:
    """Replace the UIDs of study, series and instance, and all references to such, by ones that follow from the old."""

    project: str


@dataclass(frozen=True)
class Deidentify:
    """De-identify by a profile of PS3.15 Annex E."""

    profile: str
    options: frozenset[str]
    project: str


@dataclass(frozen=True)
class Compress:
    """Send the pixel data in another transfer syntax, without loss."""

    transfer_syntax: str


@dataclass(frozen=True)
class Label:
    """Give the study a label."""

    label: str


@dataclass(frozen=True)
class SetTier:
    """Have the study stored on a tier, once it is complete."""

    tier: str


@dataclass(frozen=True)
class FetchPriors:
    """Have earlier studies of the same patient brought back to the hot tier.

    Attributes:
        count: how many at most, the latest first.
    """

    count: int


@dataclass(frozen=True)
class Discard:
    """Send the instance nowhere, for this reason."""

    reason: str


Action = Set | Copy | Prefix | Remove | Map | NewUids | Deidentify | Compress | Label | SetTier | FetchPriors | Discard
Change = Set | Copy | Prefix | Remove | Map | NewUids | Deidentify | Compress
