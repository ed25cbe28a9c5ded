"""A modality that keeps a history of what was acknowledged, and sends again what was not."""

import hashlib
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage

from dicomnet.scu.association import Peer, PeerError
from dicomnet.scu.store import Outgoing, StoreAssociation
from tests.journeys.dcmtk import data_set_of

PATIENT_NAME = "ZZCANARY^JOURNEY"


def write_instances(folder: Path, count: int, *, studies: int = 4, pixels: int = 64) -> list[Path]:
    """Small, valid MR instances of several studies; every one has pixels of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(count)
    paths = []
    for number in range(count):
        study = number % studies
        ds = Dataset()
        ds.SOPClassUID = MRImageStorage
        ds.SOPInstanceUID = f"2.25.7{study}.1.{number + 1}"
        ds.StudyDate, ds.StudyTime, ds.AccessionNumber = "20260102", "030405", f"ZZCANARYACC{study}"
        ds.Modality, ds.PatientName, ds.PatientID = "MR", PATIENT_NAME, f"ZZCANARYID{study}"
        ds.PatientBirthDate, ds.PatientSex = "19700101", "O"
        ds.StudyInstanceUID, ds.SeriesInstanceUID = f"2.25.7{study}", f"2.25.7{study}.1"
        ds.SeriesNumber, ds.InstanceNumber = 1, number + 1
        ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
        ds.Rows = ds.Columns = pixels
        ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
        ds.PixelData = noise.integers(0, 4096, pixels * pixels, dtype=np.uint16).tobytes()
        ds.file_meta = FileMetaDataset()
        ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        path = folder / f"{number:05d}.dcm"
        ds.save_as(path, enforce_file_format=True)
        paths.append(path)
    return paths


@dataclass
class Sender:
    """Sends files over one association, opens another when it is lost, until all are acknowledged.

    Attributes:
        acknowledged: SHA-256 of the data set by SOP Instance UID.
        resent: how often an answer did not come and the instance was sent again.
        pause_seconds: between two instances.
    """

    peer: Peer
    files: list[Path]
    acknowledged: dict[str, str] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    resent: int = 0
    give_up_seconds: float = 180
    pause_seconds: float = 0
    has_given_up: bool = False

    def give_up(self) -> None:
        """Send no more."""
        self.has_given_up = True

    def start(self) -> threading.Thread:
        """Send in a thread."""
        thread = threading.Thread(target=self.send_all, daemon=True)
        thread.start()
        return thread

    def send_all(self) -> None:
        """Send until each file is acknowledged, or the time is over."""
        waiting = [Outgoing.from_file(path) for path in self.files]
        deadline = time.monotonic() + self.give_up_seconds
        while waiting and time.monotonic() < deadline and not self.has_given_up:
            try:
                with StoreAssociation(self.peer, [instance.context for instance in waiting]) as assoc:
                    while waiting and not self.has_given_up:
                        outcome = assoc.send(waiting[0])
                        if not outcome.is_stored:
                            self.refused.append(str(outcome))
                            time.sleep(0.1)
                            continue
                        instance = waiting.pop(0)
                        digest = hashlib.sha256(data_set_of(instance.path)).hexdigest()
                        self.acknowledged[instance.sop_instance_uid] = digest
                        time.sleep(self.pause_seconds)
            except PeerError:
                self.resent += 1
                time.sleep(0.2)
