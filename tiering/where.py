"""Where a study is."""

from collections.abc import Mapping
from typing import Any

from studies.models import Study, Tier
from tiering.models import Location, LocationType, PackState


def where_is(study: Study, *, hot_edge_id: str) -> Mapping[str, Any]:
    """The study's tier, and on which side and at which site the location is that it is read from.

    Args:
        study: with its row as it is now.
        hot_edge_id: what this gateway is called.
    """
    change = study.tier_changes.first()
    found = {
        "study_instance_uid": study.study_instance_uid,
        "tier": study.tier,
        "last_updated": change.at if change else study.last_received_at,
    }
    if study.tier == Tier.HOT:
        return found | {"location_type": LocationType.EDGE, "edge_id": hot_edge_id}
    locations = Location.objects.filter(tier=study.tier, packs__study=study, packs__state=PackState.VERIFIED)
    first = locations.order_by("expected_latency_seconds", "pk").first() or Location()
    return found | {"location_type": first.location_type, "edge_id": first.edge_id or hot_edge_id}
