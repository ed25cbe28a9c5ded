"""A data set of Explicit VR Big Endian with its binary values in little endian, which pydicom leaves as they are."""

import numpy as np
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRBigEndian

# Bytes of a word by VR (PS3.5 6.2); numbers of other VRs pydicom turns by itself.
_WORDS = {"OW": 2, "OF": 4, "OL": 4, "OD": 8, "OV": 8}


def in_little_endian(ds: Dataset) -> Dataset:
    """Turn the words of a data set that was read in big endian; any other is left alone."""
    if getattr(ds, "file_meta", {}).get("TransferSyntaxUID") == ExplicitVRBigEndian:
        ds.walk(_turn)
    return ds


def _turn(_: Dataset, element: DataElement) -> None:
    size = _WORDS.get(str(element.VR))
    value = element.value
    if size and isinstance(value, bytes) and len(value) % size == 0:
        element.value = np.frombuffer(value, f">u{size}").astype(f"<u{size}").tobytes()
