"""Sources of federations in the document."""

from collections.abc import Iterable, Mapping
from typing import Any

from dicomnet.web.addresses import parse_url
from gateway.configuration.kind import Kind
from gateway.configuration.secret_references import SecretField
from spanner.api.sources import SourceSerializer
from spanner.kinds import takes_secret, warnings_of
from spanner.models import Source, SourceKind


def _place(values: Mapping[str, Any]) -> str:
    return parse_url(values["url"]).origin


class Sources(Kind):
    """The archives that are asked."""

    name, noun = "sources", "source"
    model, serializer = Source, SourceSerializer
    shown = frozenset({"kind"})
    secret = SecretField("secret", "GANTRY_SOURCE", "PASSWORD", takes_secret, _place)
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
        "retrieve",
        "url",
        "authentication",
        "username",
        "timeout_seconds",
        "max_concurrent",
        "result_limit",
        "cuts_at",
        "issuer_of_patient_id",
        "patient_id_prefix",
        "comment",
    )

    def without_usual(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """With the port where it has to be given."""
        found = super().without_usual(values)
        is_shown = values["kind"] == SourceKind.DIMSE
        return {name: values[name] for name in self.fields if name in found or (is_shown and name == "port")}

    def missing(self, entry: Mapping[str, Any]) -> Iterable[str]:
        """The port of a DICOM archive: no number is right for each."""
        needs_port = entry.get("kind", SourceKind.DIMSE) == SourceKind.DIMSE and "port" not in entry
        return [*super().missing(entry), *(["port"] if needs_port else [])]

    def warnings(self, row: Any) -> list[str]:
        """As page and API say them."""
        return warnings_of(row)
