"""Which stored instances a retrieve identifier names, as values and a page at a time (PS3.4 C.4.2.2, C.4.3.2, Y.3.2).

Only the primary content of a SOP Instance UID is retrieved, as queries show it. What came in after the request is not
part of it.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice

from django.db.models import Count, Max, Q

from dicomnet.retrieval import Unavailable
from dicomnet.scu.outgoing import Outgoing
from studies.errors import InstanceDamaged, InstanceMissing, InstanceOffline
from studies.integrity import ensure_intact
from studies.models import Instance, Series
from studies.retrieve_keys import PATIENT_ID, SERIES_UID, SOP_UID, STUDY_UID, RetrieveKeys

PAGE = 1_000  # rows in memory at once
UIDS_AT_ONCE = 500
LATEST = 2_000
SERIES_AT_ONCE = 200

_SERIES_KEYS = {
    PATIENT_ID: "study__patient_id__in",
    STUDY_UID: "study__study_instance_uid__in",
    SERIES_UID: "series_instance_uid__in",
}
_FIELDS = (
    "sop_instance_uid",
    "sop_class_uid",
    "transfer_syntax_uid",
    "series_id",
    "tier",
    "location",
    "data_set_offset",
    "size_bytes",
    "sha256",
    "head_crc32",
    "indexed_at",
)


class StoredInstances:
    """The instances that an identifier names (dicomnet.retrieval.Retrieval)."""

    def __init__(self, keys: RetrieveKeys) -> None:
        """Count them, and see how they are stored."""
        self.level = keys.level
        self.uids = keys.uids
        self._parts = list(_parts(keys))
        self.count = self._last_pk = 0
        contexts: set[tuple[str, str]] = set()
        for part in self._parts:
            # One query for the number, the presentation contexts that a C-MOVE proposes, and where it ends.
            stored = (
                Instance.objects.filter(part, is_primary=True)
                .order_by()
                .values_list("sop_class_uid", "transfer_syntax_uid")
                .annotate(count=Count("pk"), last=Max("pk"))
            )
            for sop_class_uid, transfer_syntax_uid, count, last in stored:
                contexts.add((sop_class_uid, transfer_syntax_uid))
                self.count += count
                self._last_pk = max(self._last_pk, last)
        self.contexts = frozenset(contexts)

    def __iter__(self) -> Iterator[Outgoing | Unavailable]:
        """One after the other."""
        for page in self.pages():
            yield from map(to_send, page)

    def pages(self) -> Iterator[list[Instance]]:
        """Their rows by the page, one query each; in the order in which they came in within some series."""
        for part in self._parts:
            after = 0
            while rows := self._rows(part, after):
                after = rows[-1].pk
                yield rows
                if len(rows) < PAGE:
                    break

    def _rows(self, part: Q, after: int) -> list[Instance]:
        rows = Instance.objects.filter(part, is_primary=True, pk__gt=after, pk__lte=self._last_pk)
        return list(rows.order_by("pk").only(*_FIELDS)[:PAGE])


def syntaxes_by_class() -> dict[str, list[str]]:
    """Transfer syntaxes by SOP Class of the instances that came in last, the most frequent first."""
    latest = Instance.objects.order_by("-pk").values_list("sop_class_uid", "transfer_syntax_uid")[:LATEST]
    found: dict[str, list[str]] = {}
    for (sop_class_uid, transfer_syntax_uid), _ in Counter(latest).most_common():
        found.setdefault(sop_class_uid, []).append(transfer_syntax_uid)
    return found


def to_send(row: Instance) -> Outgoing | Unavailable:
    """An instance as it is sent, once its file is found to be what was acknowledged (see ``studies.integrity``)."""
    try:
        path = ensure_intact(row)
    except InstanceOffline as error:
        return Unavailable(row.sop_instance_uid, str(error))
    except InstanceMissing:
        return Unavailable(row.sop_instance_uid, "its stored file cannot be opened")
    except InstanceDamaged:
        return Unavailable(row.sop_instance_uid, "its stored file is damaged")
    return Outgoing(
        path=path,
        sop_class_uid=row.sop_class_uid,
        sop_instance_uid=row.sop_instance_uid,
        transfer_syntax_uid=row.transfer_syntax_uid,
        data_set_offset=row.data_set_offset,
        size_bytes=row.size_bytes,
    )


def _parts(keys: RetrieveKeys) -> Iterator[Q]:
    """Conditions that together name the instances, each small enough for one query and none overlapping another.

    By series rather than by a join up to the study: then the index on an instance's series is what every database uses,
    and not that on its primary key, however large the archive.
    """
    if keys.level == "IMAGE":
        above = Q(
            **{f"series__{_SERIES_KEYS[tag]}": values for tag, values in keys.named.items() if tag in _SERIES_KEYS}
        )
        for uids in _chunks(keys.named[SOP_UID], UIDS_AT_ONCE):
            yield above & Q(sop_instance_uid__in=uids)
        return
    for series in _chunks(_series(keys), SERIES_AT_ONCE):
        yield Q(series__in=series)


def _series(keys: RetrieveKeys) -> list[int]:
    """Primary keys of the series that are named, in their order."""
    *above, (last, values) = ((_SERIES_KEYS[tag], values) for tag, values in keys.named.items())
    found: list[int] = []
    for some in _chunks(values, UIDS_AT_ONCE):
        rows = Series.objects.filter(**dict(above), **{last: some})
        found += rows.order_by("study", "pk").values_list("pk", flat=True)
    return found


def _chunks(values: Sequence[str] | Sequence[int], size: int) -> Iterator[list[str] | list[int]]:
    rest = iter(values)
    while chunk := list(islice(rest, size)):
        yield chunk  # type: ignore[misc]
