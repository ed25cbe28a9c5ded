"""Rows of tiering: where copies may lie, which copies there are, and how studies move between tiers."""

from tiering.models.copies import Copy, Pack, PackState
from tiering.models.keys import DataKey
from tiering.models.locations import (
    AT_REST,
    Compression,
    Location,
    LocationKind,
    LocationType,
    RestoreSpeed,
    StorageClass,
)
from tiering.models.moves import LocationSlot, Move, MoveState, Reason, TierChange
from tiering.models.policies import Policy
from tiering.models.samples import SampleOf, TierSample
from tiering.models.scrub import Damage, ScrubRange

__all__ = [
    "AT_REST",
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
    "RestoreSpeed",
    "SampleOf",
    "ScrubRange",
    "StorageClass",
    "TierChange",
    "TierSample",
]
