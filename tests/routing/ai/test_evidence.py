"""References found wherever they stand, in every encoding; and answers that are the same but for their UIDs."""

import random
from pathlib import Path

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import (
    BasicTextSRStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    generate_uid,
)

from dicomnet.lab.ai_result import KINDS, make_result
from routing.ai.doubles import says_the_same
from routing.ai.evidence import read_evidence, references_in
from studies.models import Instance
from studies.storage import hot_storage
from tests.corpus import EXPLICIT, encoded, nested, part10

pytestmark = pytest.mark.usefixtures("home")
SYNTAXES = (ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian)


def sources(count: int = 3) -> list[Dataset]:
    made = []
    study, series = generate_uid(), generate_uid()
    for _ in range(count):
        ds = Dataset()
        ds.SOPClassUID, ds.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.2", generate_uid()
        ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.PatientID = study, series, "P1"
        made.append(ds)
    return made


def written(folder: Path, ds: Dataset, syntax: str = ExplicitVRLittleEndian, *, tail: bytes = b"") -> Path:
    path = folder / "result.dcm"
    file = part10(
        encoded(ds, syntax) + tail,
        sop_instance_uid=str(ds.SOPInstanceUID),
        sop_class_uid=str(ds.SOPClassUID),
        transfer_syntax_uid=str(syntax),
    )
    path.write_bytes(file)
    return path


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda syntax: syntax.name)
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_references_of_each_kind_in_each_encoding(tmp_path: Path, kind: str, syntax: str) -> None:
    originals = sources()

    said = read_evidence(written(tmp_path, make_result(originals, kind), syntax))

    assert said.references == {str(ds.SOPInstanceUID) for ds in originals}
    assert (said.patient_id, said.series_description) == ("P1", "AI_RESULT")


def test_a_reference_deep_in_sequences(tmp_path: Path) -> None:
    (original,) = sources(1)
    ds = make_result([original], "sr")
    inner = ds.CurrentRequestedProcedureEvidenceSequence[0]
    for _ in range(40):
        outer = Dataset()
        outer.ContentSequence = [inner]
        inner = outer
    del ds.CurrentRequestedProcedureEvidenceSequence
    ds.ContentSequence = [inner]

    assert references_in(written(tmp_path, ds)) == {str(original.SOPInstanceUID)}


@pytest.mark.parametrize(
    "tail", [b"\x08\x00\x55\x11", b"\x08\x00\x55\x11UI\xff\xff", b"\x08\x00\x55\x11UI\x00\x00", nested(30)]
)
def test_what_looks_like_a_reference_and_is_none(tmp_path: Path, tail: bytes) -> None:
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = BasicTextSRStorage, generate_uid()

    assert references_in(written(tmp_path, ds, tail=tail)) == frozenset()


def stored(folder: Path, data: bytes, name: str = "x.dcm") -> Instance:
    """A row without a database, with its file in the hot store."""
    path = Path(hot_storage().path(name))
    path.write_bytes(data)
    syntax = str(ExplicitVRLittleEndian)
    return Instance(location=name, size_bytes=len(data), data_set_offset=132, transfer_syntax_uid=syntax)


def test_the_same_but_for_uids_and_times(tmp_path: Path) -> None:
    originals = sources()
    one, again, other = (make_result(originals, "sr") for _ in range(3))
    other.ContentSequence[0].TextValue = "something else"
    rows = [
        stored(tmp_path, written(tmp_path, ds).read_bytes(), f"{number}.dcm")
        for number, ds in enumerate((one, again, other, make_result(originals[:2], "sr")))
    ]

    assert says_the_same(rows[0], rows[1])
    assert not says_the_same(rows[0], rows[2])
    assert not says_the_same(rows[0], rows[3])


def test_damaged_files_raise_nothing(tmp_path: Path) -> None:
    good = written(tmp_path, make_result(sources(), "sc")).read_bytes()
    row = stored(tmp_path, good, "good.dcm")
    chance = random.Random(11)
    for number in range(300):
        damaged = bytearray(good[: chance.randrange(200, len(good))] if number % 3 == 0 else good)
        for _ in range(chance.randrange(1, 30)):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        says_the_same(stored(tmp_path, bytes(damaged), "bad.dcm"), row)
    assert not says_the_same(stored(tmp_path, b"", "empty.dcm"), row)
    assert not says_the_same(Instance(location="gone.dcm", transfer_syntax_uid=EXPLICIT), row)


def test_a_deflated_file_is_not_compared(tmp_path: Path) -> None:
    row = stored(tmp_path, written(tmp_path, make_result(sources(), "sr")).read_bytes())
    assert says_the_same(row, row)

    row.transfer_syntax_uid = str(DeflatedExplicitVRLittleEndian)
    assert not says_the_same(row, row)
