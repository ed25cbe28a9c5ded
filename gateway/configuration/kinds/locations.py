"""Locations of the slower tiers in the document."""

from collections.abc import Mapping
from typing import Any

from dicomnet.web import s3
from dicomnet.web.addresses import parse_url
from gateway.configuration.kind import Kind
from gateway.configuration.secret_references import SecretField
from tiering.api.locations import TierLocationSerializer
from tiering.models import Location, LocationKind


def _is_taken(values: Mapping[str, Any]) -> bool:
    return bool(values["kind"] == LocationKind.S3)


def _place(values: Mapping[str, Any]) -> str:
    return parse_url(s3.endpoint_of(values["endpoint_url"], values["region"])).origin


class Locations(Kind):
    """Where copies of studies may lie."""

    name, noun = "locations", "location"
    model, serializer = Location, TierLocationSerializer
    shown = frozenset({"tier", "kind"})
    secret = SecretField("secret_key", "GANTRY_TIER", "SECRET_KEY", _is_taken, _place)
    fields = (
        "name",
        "tier",
        "kind",
        "is_enabled",
        "path",
        "bucket",
        "endpoint_url",
        "region",
        "access_key",
        "compression",
        "is_encrypted",
        "storage_class",
        "restore_speed",
        "restore_days",
        "location_type",
        "edge_id",
        "capacity_bytes",
        "cost_per_gb_month",
        "cost_per_gb_read",
        "expected_latency_seconds",
        "bytes_per_second",
        "max_parallel",
        "timeout_seconds",
    )
