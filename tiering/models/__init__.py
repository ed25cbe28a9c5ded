"""Rows of tiering: where copies may lie, which copies there are, and how studies move between tiers."""

from tiering.models.copies import Copy, Pack, PackState
from tiering.models.keys import DataKey
from tiering.models.locations import Compression, Location, LocationKind, LocationType
from tiering.models.moves import LocationSlot, Move, MoveState, Reason, TierChange
from tiering.models.policies import Policy
from tiering.models.samples import SampleOf, TierSample
from tiering.models.scrub import Damage, ScrubRange

__all__ = [
    "Compression",
    "Copy",
    "Damage",
    "DataKey",
    "Location",
    "LocationKind",
    "LocationSlot",
    "LocationType",
    "Move",
    "MoveState",
    "Pack",
    "PackState",
    "Policy",
    "Reason",
    "SampleOf",
    "ScrubRange",
    "TierChange",
    "TierSample",
]
