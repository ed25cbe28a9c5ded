"""Tier changes of all studies: which there are by tier and policy, and the same as CSV."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass

from django.db.models import QuerySet

from studies.models import Tier
from tiering.models import TierChange

_COLUMNS = ("at", "study_instance_uid", "from_tier", "to_tier", "requested_by", "policy")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would calculate


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
    writer = csv.writer(_Echo())
    yield writer.writerow(_COLUMNS)
    for change in list_changes(asked).iterator(chunk_size=500):
        cells = (
            change.at.isoformat(timespec="seconds"),
            change.study.study_instance_uid,
            change.from_tier,
            change.to_tier,
            change.requested_by,
            change.policy_name,
        )
        yield writer.writerow([_safe(cell) for cell in cells])


def _safe(cell: str) -> str:
    return f"'{cell}" if cell.lstrip(" ").startswith(_FORMULA) else cell


class _Echo:
    """A file that gives back what is written to it, so that lines stream."""

    def write(self, line: str) -> str:
        return line
