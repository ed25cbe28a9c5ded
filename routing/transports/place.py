"""Where an instance has its place among files: by the UIDs of its study, its series and its own."""

from dataclasses import dataclass

from dicomnet.part10 import NotPart10
from dicomnet.scu.outgoing import Outgoing
from studies.admission import SERIES_INSTANCE_UID, STUDY_INSTANCE_UID, UIDS, is_uid
from studies.errors import MalformedDataSet
from studies.reading import header_of


class NoPlace(ValueError):
    """A UID is missing or is none, so that no name can be made of it."""


@dataclass(frozen=True)
class Place:
    """Three UIDs, of digits and points only: nothing else from a data set becomes part of a path."""

    study: str
    series: str
    instance: str

    def __str__(self) -> str:
        return f"{self.study}/{self.series}/{self.instance}.dcm"

    def beside(self, sha256: str) -> "Place":
        """Where another content under the same UID goes."""
        return Place(self.study, self.series, f"{self.instance}-{sha256[:16]}")


def place_of(outgoing: Outgoing) -> Place:
    """Read from the file itself, which may have got other UIDs on its way.

    Raises:
        NoPlace: a UID is missing or malformed.
        OSError: the file cannot be read.
    """
    try:
        header = header_of(outgoing.path, frozenset(UIDS))
    except (NotPart10, MalformedDataSet) as error:
        raise NoPlace(f"the stored file has no place among files: {error}") from error
    uids = header.text(STUDY_INSTANCE_UID), header.text(SERIES_INSTANCE_UID), outgoing.sop_instance_uid
    if not all(is_uid(uid) for uid in uids):
        raise NoPlace("the stored file has no place among files: a UID is missing or malformed")
    return Place(*uids)
