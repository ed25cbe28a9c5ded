"""Tier changes of all studies: which there are by tier and policy, and the same as CSV."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.db.models import QuerySet

from studies.csv_lines import csv_lines as table
from studies.models import Tier
from tiering.models import TierChange

_COLUMNS = ("at", "study_instance_uid", "from_tier", "to_tier", "requested_by", "policy")


@dataclass(frozen=True)
class ChangeFilter:
    """What is asked for; empty: all.

    Attributes:
        policy: its name when it moved the study, for policies are renamed and deleted.
    """

    from_tier: str = ""
    to_tier: str = ""
    policy: str = ""

    def __post_init__(self) -> None:
        for name in ("from_tier", "to_tier"):
            if getattr(self, name) not in Tier.values:
                object.__setattr__(self, name, "")


def list_changes(asked: ChangeFilter) -> QuerySet[TierChange]:
    """The latest first."""
    changes = TierChange.objects.select_related("study")
    if asked.from_tier:
        changes = changes.filter(from_tier=asked.from_tier)
    if asked.to_tier:
        changes = changes.filter(to_tier=asked.to_tier)
    if asked.policy:
        changes = changes.filter(policy_name=asked.policy)
    return changes


def csv_lines(asked: ChangeFilter) -> Iterator[str]:
    """As CSV, a line at a time; it names no patient, and no cell can be taken for a formula."""
    return table(_COLUMNS, (_row(change) for change in list_changes(asked).iterator(chunk_size=500)))


def _row(change: TierChange) -> tuple[object, ...]:
    return (
        change.at,
        change.study.study_instance_uid,
        change.from_tier,
        change.to_tier,
        change.requested_by,
        change.policy_name,
    )
