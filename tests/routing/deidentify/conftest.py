"""What the tests of de-identification share: an instance, and what is left of it."""

from collections.abc import Iterator
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from gateway.env import Environment
from routing.deidentify.profile import deidentify
from routing.deidentify.pseudonyms import pseudonyms_of
from routing.elements import DataSet, data_set
from routing.encoding import encoding_of
from tests.corpus import EXPLICIT, encoded

SYNTAXES = [str(ExplicitVRLittleEndian), str(ImplicitVRLittleEndian)]


@pytest.fixture(autouse=True)
def _key(home: Environment) -> None:
    """Pseudonyms need an installation."""


def instance(**attributes: Any) -> Dataset:
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = CTImageStorage, "1.2.3.9"
    ds.StudyInstanceUID, ds.SeriesInstanceUID = "1.2.3.4", "1.2.3.4.5"
    ds.PatientID, ds.PatientName, ds.PatientBirthDate, ds.Modality = "SECRET77", "Leaky^Larry", "19700102", "CT"
    for keyword, value in attributes.items():
        setattr(ds, keyword, value)
    return ds


def deidentified_bytes(data: bytes, *options: str, syntax: str = EXPLICIT, project: str = "P") -> bytes:
    """The data set afterwards, from an encoded one."""
    ds = data_set(memoryview(data), encoding_of(syntax))
    deidentify(ds, frozenset(options), pseudonyms_of(project))
    return b"".join(ds.pieces())


def parsed(data: bytes, syntax: str = EXPLICIT) -> DataSet:
    return data_set(memoryview(data), encoding_of(syntax))


def read(data: bytes, syntax: str = EXPLICIT) -> Dataset:
    """As pydicom reads it."""
    from io import BytesIO

    from pydicom.filereader import read_dataset

    return read_dataset(BytesIO(data), syntax == ImplicitVRLittleEndian, True)


def deidentified(ds: Dataset, *options: str, syntax: str = EXPLICIT, project: str = "P") -> Dataset:
    return read(deidentified_bytes(encoded(ds, syntax), *options, syntax=syntax, project=project), syntax)


def every_element(ds: DataSet) -> Iterator[tuple[int, bytes]]:
    """Tag and value of all elements, those of sequences too."""
    for element in ds.elements:
        if element.is_sequence:
            for item in element.items:
                yield from every_element(item)
        else:
            yield element.tag, bytes(element.value)
