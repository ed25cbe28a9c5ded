"""What to ask a source for: the whole study, or only what is not here; as an identifier, too (PS3.4 C.4.2.1.4)."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from pydicom.uid import ImplicitVRLittleEndian

from dicomnet.wire.elements import element
from spanner.fetch.listing import Listing
from spanner.question import SERIES_UID, SOP_UID, STUDY_UID
from studies.query.identifiers import QUERY_RETRIEVE_LEVEL

AT_ONCE = 100  # instances that are named in one request


@dataclass(frozen=True)
class Piece:
    """One request.

    Attributes:
        series_uid: empty: the whole study.
        sop_uids: none: the whole series.
    """

    study_uid: str
    series_uid: str = ""
    sop_uids: tuple[str, ...] = ()

    def identifier(self, transfer_syntax_uid: str) -> bytes:
        """As C-GET and C-MOVE have it."""
        is_explicit = transfer_syntax_uid != ImplicitVRLittleEndian
        level = b"IMAGE" if self.sop_uids else b"SERIES" if self.series_uid else b"STUDY"
        parts = [element(QUERY_RETRIEVE_LEVEL, "CS", level, is_explicit=is_explicit)]
        keys = ((SOP_UID, "\\".join(self.sop_uids)), (STUDY_UID, self.study_uid), (SERIES_UID, self.series_uid))
        parts += [element(tag, "UI", uid.encode("ascii"), is_explicit=is_explicit) for tag, uid in sorted(keys) if uid]
        return b"".join(_in_order(parts))


def pieces_of(
    study_uid: str, listing: Listing, missing: Collection[str], series_uids: Sequence[str] = ()
) -> Iterator[Piece]:
    """The fewest requests that bring what is missing, and nothing that is here.

    Args:
        study_uid: the study.
        listing: what the source has.
        missing: SOP Instance UIDs; not looked at where the source only counts.
        series_uids: only these series; none: all of it.
    """
    if not listing.series_of or (not series_uids and len(missing) == listing.count):
        if series_uids:
            yield from (Piece(study_uid, series_uid) for series_uid in series_uids)
        else:
            yield Piece(study_uid)
        return
    wanted = set(missing)
    for series_uid, sop_uids in listing.series().items():
        left = [uid for uid in sop_uids if uid in wanted]
        if len(left) == len(sop_uids):
            yield Piece(study_uid, series_uid)
            continue
        for start in range(0, len(left), AT_ONCE):
            yield Piece(study_uid, series_uid, tuple(left[start : start + AT_ONCE]))


def _in_order(parts: list[bytes]) -> list[bytes]:
    """By tag, as the elements of a data set are: all tags here are in the byte order of their first four bytes."""
    return sorted(parts, key=lambda part: (int.from_bytes(part[:2], "little"), int.from_bytes(part[2:4], "little")))
