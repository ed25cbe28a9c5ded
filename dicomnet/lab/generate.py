"""Write synthetic studies as Part 10 files, ready to be sent."""

from collections.abc import Callable, Iterable
from pathlib import Path

from pydicom.dataset import FileDataset

from dicomnet.lab.rewrite import Rewriting
from dicomnet.scu.store import Outgoing


def written(
    instances: Iterable[FileDataset], folder: Path, rewriting: Rewriting, on_instance: Callable[[], None]
) -> list[Outgoing]:
    """Write each instance into the folder, a folder per study, and say where it is.

    Raises:
        OSError: the folder cannot be written.
    """
    outgoing = []
    for ds in instances:
        if rewriting.is_needed:
            rewriting.apply(ds)
        study = folder / f"{ds.PatientID}-{ds.Modality}-{ds.StudyInstanceUID[-8:]}".replace("/", "_")
        study.mkdir(parents=True, exist_ok=True)
        path = study / f"{ds.SeriesNumber:02d}-{ds.InstanceNumber:04d}-{ds.SOPInstanceUID[-8:]}.dcm"
        ds.save_as(path, enforce_file_format=True)
        outgoing.append(Outgoing.from_file(path))
        on_instance()
    return outgoing
