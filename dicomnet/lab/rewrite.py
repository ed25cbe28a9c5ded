"""Make an instance another one: new UIDs, another patient, the same throughout a run."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from pydicom import dcmread
from pydicom.dataset import Dataset, FileDataset
from pydicom.errors import InvalidDicomError
from pydicom.multival import MultiValue
from pydicom.uid import UID

from dicomnet.lab.gather import Gathered, Skipped
from dicomnet.lab.uids import lab_uid
from dicomnet.scu.store import Outgoing

# UIDs that name a kind of thing, not one thing; their keywords end like this.
_KINDS = (
    "ClassUID",
    "SyntaxUID",
    "SchemeUID",
    "ResourceUID",
    "ContextUID",
    "CreatorUID",
)
_STANDARD_ROOT = "1.2.840.10008."
_UNREADABLE = (InvalidDicomError, AttributeError, KeyError, NotImplementedError, OSError, TypeError, ValueError)


@dataclass(frozen=True)
class Rewriting:
    """What to change; None leaves an attribute as it is.

    Attributes:
        salt: with ``new_uids``, the same old UID and the same salt give the same new one.
        values: attribute values by keyword, set after new UIDs are.
    """

    salt: int
    new_uids: bool = False
    values: dict[str, str] = field(default_factory=dict)

    @property
    def is_needed(self) -> bool:
        """False when nothing is to be changed, so that the bytes of a file can go out as they are."""
        return self.new_uids or bool(self.values)

    def apply(self, ds: FileDataset) -> None:
        """Change the data set in place; pixel data and transfer syntax stay."""
        if self.new_uids:
            ds.walk(self._renew)
        if any(not value.isascii() for value in self.values.values()):
            ds.decode()
            ds.SpecificCharacterSet = "ISO_IR 192"
        for keyword, value in self.values.items():
            setattr(ds, keyword, value)
        ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID

    def _renew(self, ds: Dataset, element: object) -> None:
        """Callback of ``Dataset.walk``: replace the instance UIDs of one element."""
        tag = getattr(element, "tag", None)
        if tag is None or ds[tag].VR != "UI" or ds[tag].keyword.endswith(_KINDS) or not ds[tag].value:
            return
        value = ds[tag].value
        ds[tag].value = [self._new(uid) for uid in value] if isinstance(value, MultiValue) else self._new(value)

    def _new(self, uid: str) -> UID:
        return UID(uid) if uid.startswith(_STANDARD_ROOT) else lab_uid(self.salt, uid)


def rewritten(instances: Iterable[Outgoing], rewriting: Rewriting, folder: Path) -> Gathered:
    """Write changed copies into the folder; a file that pydicom cannot read is left out with its reason."""
    gathered = Gathered()
    for number, instance in enumerate(instances):
        copy = folder / f"{number:06d}.dcm"
        try:
            ds = dcmread(instance.path)
            rewriting.apply(ds)
            ds.save_as(copy, enforce_file_format=True)
            gathered.instances.append(Outgoing.from_file(copy))
        except _UNREADABLE as error:
            gathered.skipped.append(Skipped(instance.path, f"it cannot be rewritten: {error}"))
    return gathered
