"""Rows of tiering: where copies may lie, which copies there are, and how studies move between tiers."""

from tiering.models.copies import Copy, Pack, PackState
from tiering.models.locations import Location, LocationKind, LocationType
from tiering.models.moves import Move, MoveState, TierChange
from tiering.models.policies import Policy
from tiering.models.scrub import Damage, ScrubRange

__all__ = [
    "Copy",
    "Damage",
    "Location",
    "LocationKind",
    "LocationType",
    "Move",
    "MoveState",
    "Pack",
    "PackState",
    "Policy",
    "ScrubRange",
    "TierChange",
]
