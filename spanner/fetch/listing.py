"""Which sources have a study, who of them is asked first, and what exactly each has of it."""

import time
from collections.abc import Collection, Sequence
from copy import copy
from dataclasses import dataclass, field, replace

from spanner.answers import Answer, State, text_of, values_of
from spanner.ask.source import ask_source
from spanner.errors import SourceFailed
from spanner.fanout import ask_all
from spanner.models import Fetch, Source
from spanner.question import SERIES_UID, SOP_UID, STUDY_UID, question
from spanner.search import record, targets_of, terms_of
from studies.models import Instance
from studies.query.keys import QueryLevel

SOP_CLASS, AVAILABLE_SYNTAX = 0x00080016, 0x00083002
COUNT = 0x00201208  # Number of Study Related Instances
MOST_INSTANCES = 100_000
LIST_SECONDS = 120


@dataclass(frozen=True)
class Holder:
    """A source that has a study.

    Attributes:
        count: of its instances there; None where it does not say it.
    """

    source: Source
    count: int | None


@dataclass(frozen=True)
class Holders:
    """Who has a study, the best first, and who could not say whether it has it.

    Attributes:
        silent: names and states, in words; empty when all have answered.
    """

    known: list[Holder]
    silent: str


@dataclass
class Listing:
    """What a source says that it has of a study.

    Attributes:
        series_of: Series Instance UID by SOP Instance UID; empty for a source that only counts.
        count: how many instances.
        sop_classes, syntaxes: of them, as far as it says.
    """

    series_of: dict[str, str] = field(default_factory=dict)
    count: int = 0
    sop_classes: list[str] = field(default_factory=list)
    syntaxes: list[str] = field(default_factory=list)

    def series(self) -> dict[str, list[str]]:
        """SOP Instance UIDs by Series Instance UID."""
        found: dict[str, list[str]] = {}
        for sop_uid, series_uid in self.series_of.items():
            found.setdefault(series_uid, []).append(sop_uid)
        return found


def holders_of(fetch: Fetch) -> Holders:
    """Ask all sources of the federation for the study; the question is recorded like any other.

    First comes who answers without failures, then who has most of it, then who comes first in the federation.
    """
    wanted = question(QueryLevel.STUDY, {STUDY_UID: fetch.study_instance_uid}, [COUNT])
    targets = targets_of(fetch.config)
    if fetch.sources:
        place = {pk: number for number, pk in enumerate(fetch.sources)}
        targets = sorted((one for one in targets if one.source.pk in place), key=lambda one: place[one.source.pk])
    began = time.monotonic()
    answers = list(ask_all(targets, wanted, replace(terms_of(fetch.config), cache_seconds=0)))
    record(fetch.config, wanted, answers, began, door="fetch", asked_by=fetch.requested_by)
    sources = {target.source.name: target.source for target in targets}
    order = list(sources)
    silent = ", ".join(f"{one.source} ({one.state})" for one in answers if one.state is not State.OK)
    known = [Holder(sources[answer.source], _count(answer)) for answer in answers if answer.rows]
    most = max((holder.count or 0 for holder in known), default=0)
    known.sort(
        key=lambda holder: (
            holder.source.failures_in_a_row > 0,
            # Who does not say how much it has may have all of it.
            -(most if holder.count is None else holder.count) if not fetch.sources else 0,
            order.index(holder.source.name),
        )
    )
    return Holders(known, silent)


def list_instances(holder: Holder, study_uid: str, series_uids: Sequence[str] = ()) -> Listing:
    """What a source has of a study.

    Raises:
        SourceFailed: it does not say it.
    """
    source = copy(holder.source)
    source.result_limit, source.cuts_at = MOST_INSTANCES, 0  # of one study it is all or nothing
    keys = {STUDY_UID: study_uid}
    if series_uids:
        keys[SERIES_UID] = "\\".join(series_uids)
    asked = question(QueryLevel.IMAGE, keys, [SOP_UID, SERIES_UID, SOP_CLASS, AVAILABLE_SYNTAX])
    answer = ask_source(source, asked, LIST_SECONDS)
    if answer.state is State.OK and answer.rows:
        return _listed(answer)
    if holder.count and not series_uids and answer.is_alive:
        return Listing(count=holder.count)  # an archive that does not list instances may still count them
    raise SourceFailed(answer.error or "it lists no instances of the study", is_alive=answer.is_alive)


def here(study_uid: str, sop_uids: Collection[str] = (), series_uids: Sequence[str] = ()) -> set[str]:
    """SOP Instance UIDs of a study that are in the index.

    Args:
        sop_uids: what is asked about; none: all of it.
        series_uids: only these series; none: all of it.
    """
    stored = Instance.objects.filter(series__study__study_instance_uid=study_uid)
    if series_uids:
        stored = stored.filter(series__series_instance_uid__in=series_uids)
    found = set(stored.values_list("sop_instance_uid", flat=True))
    return found & set(sop_uids) if sop_uids else found


def _listed(answer: Answer) -> Listing:
    found = Listing()
    for row in answer.rows:
        found.series_of[text_of(row, SOP_UID)] = text_of(row, SERIES_UID)
        found.sop_classes += [uid for uid in [text_of(row, SOP_CLASS)] if uid and uid not in found.sop_classes]
        found.syntaxes += [uid for uid in map(str, values_of(row, AVAILABLE_SYNTAX)) if uid not in found.syntaxes]
    found.count = len(found.series_of)
    return found


def _count(answer: Answer) -> int | None:
    text = text_of(answer.rows[0], COUNT)
    return int(text) if text.isdecimal() else None
