"""Destinations in the document."""

from collections.abc import Iterable, Mapping
from typing import Any

from gateway.configuration.kind import Kind
from gateway.configuration.secret_references import SecretField
from routing.api.destinations import DestinationSerializer
from routing.kinds import place_of, takes_secret, warnings_of
from routing.models import Destination, DestinationKind


class Destinations(Kind):
    """Where instances are sent to."""

    name, noun = "destinations", "destination"
    model, serializer = Destination, DestinationSerializer
    shown = frozenset({"kind"})
    secret = SecretField("secret", "GANTRY_DEST", "PASSWORD", takes_secret, place_of)
    fields = (
        "name",
        "kind",
        "is_enabled",
        "ae_title",
        "host",
        "port",
        "tls",
        "tls_server_name",
        "calling_ae_title",
        "url",
        "authentication",
        "username",
        "path",
        "bucket",
        "region",
        "timeout_seconds",
        "maximum_associations",
        "batch_size",
        "maximum_bytes_per_second",
        "window_begins_at",
        "window_ends_at",
        "proof",
        "proof_after_minutes",
        "comment",
    )

    def without_usual(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """With the port where it has to be given."""
        found = super().without_usual(values)
        is_shown = values["kind"] == DestinationKind.DICOM
        return {name: values[name] for name in self.fields if name in found or (is_shown and name == "port")}

    def missing(self, entry: Mapping[str, Any]) -> Iterable[str]:
        """The port of a DICOM node: no number is right for every peer."""
        needs_port = entry.get("kind", DestinationKind.DICOM) == DestinationKind.DICOM and "port" not in entry
        return [*super().missing(entry), *(["port"] if needs_port else [])]

    def warnings(self, row: Any) -> list[str]:
        """As page and API say them."""
        return warnings_of(row)
