"""Columns that are kept in another form than the attribute has (PS3.3 C.12, PS3.4 C.4.1.1.3.2)."""

from studies.models import Tier

_AVAILABILITY = {Tier.HOT: "ONLINE", Tier.COLD: "NEARLINE", Tier.ARCHIVE: "OFFLINE"}


def availability(tier: str) -> str:
    """Instance Availability (0008,0056) of what lies in a tier."""
    return _AVAILABILITY[Tier(tier)]


def list_value(column: str) -> str:
    """The values of a column that has them between backslashes, as an attribute has them."""
    return column.strip("\\")
