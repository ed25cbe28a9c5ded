"""Federations in the document, each with its sources."""

from collections.abc import Iterable, Mapping
from typing import Any

from rest_framework.exceptions import ValidationError

from gateway.configuration.kind import Kind
from spanner.api.federations import MemberSerializer, SpanningConfigSerializer
from spanner.models import ConfigSource, Source, SpanningConfig

_MEMBER = ("source", "priority", "timeout_override")
_PRIORITY = ConfigSource._meta.get_field("priority").get_default()


class Federations(Kind):
    """Which sources one question goes to, and how."""

    name, noun = "federations", "federation"
    model, serializer = SpanningConfig, SpanningConfigSerializer
    fields = (
        "name",
        "description",
        "is_enabled",
        "ae_title",
        "max_concurrent_sources",
        "timeout_seconds",
        "retry_attempts",
        "failure_strategy",
        "deduplication_enabled",
        "cache_seconds",
        "sources",
    )

    def rows(self) -> Iterable[Any]:
        """With their sources."""
        return SpanningConfig.objects.prefetch_related("members__source").order_by("name")

    def save(self, serializer: Any, values: dict[str, Any], *, author: Any, reason: str) -> Any:
        """The federation, and those of its sources that are new, other or gone."""
        config = serializer.save()
        there = {member.source.name: member for member in config.members.select_related("source")}
        wanted = _members(values["sources"])
        for name, member in there.items():
            if name not in wanted:
                member.delete()
        for number, (name, entry) in enumerate(wanted.items()):
            try:
                self._save_member(config, there.get(name), name, entry)
            except ValidationError as error:
                raise ValidationError({"sources": {str(number): error.detail}}) from error
        config._prefetched_objects_cache = {}
        return config

    def _save_member(self, config: Any, member: Any, name: str, entry: Mapping[str, Any]) -> None:
        if member is not None and _written(member) == _written_of(entry):
            return
        source = Source.objects.filter(name=name).first()
        if source is None:
            raise ValidationError({"source": f"There is no source {name[:64]}: add it, or correct the name."})
        data = {"source_id": source.pk, "priority": _PRIORITY, "timeout_override": None} | {
            key: value for key, value in entry.items() if key != "source"
        }
        serializer = MemberSerializer(member, data=data, context={"config": config})
        serializer.is_valid(raise_exception=True)
        serializer.save()

    def _written(self, row: Any, name: str) -> Any:
        if name != "sources":
            return super()._written(row, name)
        if not row.pk:
            return []
        members = sorted(row.members.all(), key=lambda member: (member.priority, member.source.name))
        return [_written(member) for member in members]

    def _may_be_none(self, name: str) -> bool:
        return name != "sources" and super()._may_be_none(name)


def _members(entries: Any) -> dict[str, Mapping[str, Any]]:
    """Entries by the name of the source.

    Raises:
        ValidationError: they are no such list.
    """
    if not isinstance(entries, list):
        raise ValidationError({"sources": "Give a list of entries such as {source: North PACS, priority: 10}."})
    found: dict[str, Mapping[str, Any]] = {}
    for number, entry in enumerate(entries):
        if not isinstance(entry, dict) or not isinstance(entry.get("source"), str):
            raise ValidationError(
                {"sources": {str(number): "Give an entry such as {source: North PACS, priority: 10}."}}
            )
        if unknown := [name for name in entry if name not in _MEMBER]:
            raise ValidationError(
                {"sources": {str(number): {unknown[0]: "There is no such field: correct or remove it."}}}
            )
        if entry["source"] in found:
            raise ValidationError({"sources": {str(number): "The source stands in this federation already."}})
        found[entry["source"]] = entry
    return found


def _written(member: Any) -> dict[str, Any]:
    return _written_of(
        {"source": member.source.name, "priority": member.priority, "timeout_override": member.timeout_override}
    )


def _written_of(entry: Mapping[str, Any]) -> dict[str, Any]:
    found = {"source": entry["source"], "priority": entry.get("priority", _PRIORITY)}
    if entry.get("timeout_override") is not None:
        found["timeout_override"] = entry["timeout_override"]
    return found
