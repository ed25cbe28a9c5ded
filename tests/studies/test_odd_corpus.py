"""The corpus of odd data sets and seeded mutations: each is refused or read, in bounded time and memory."""

import random
import time
import tracemalloc
from collections.abc import Iterable, Iterator
from pathlib import Path

import pydicom
import pytest
from pydicom.uid import DeflatedExplicitVRLittleEndian, JPEG2000Lossless

from dicomnet.part10 import NotPart10
from dicomnet.services import StoreRequest
from dicomnet.statuses import StoreStatus
from studies.admission import WANTED, check_uids
from studies.attributes import ATTRIBUTES, INDEX_TAGS
from studies.errors import MalformedDataSet, WrongInstance
from studies.header import Header
from studies.reading import header_of
from studies.scan import BEGINNING_BYTES, scan, scan_beginning
from tests.corpus import (
    CT,
    EXPLICIT,
    ITEM,
    SEQUENCE_END,
    UNDEFINED,
    data_set_bytes,
    delimiter,
    element,
    encoded,
    nested,
    one_of_each_encoding,
    part10,
    pydicom_files,
)
from tests.odd_corpus import CASES, LARGE, UID, VALID_TEXT, Case, instance

SECONDS = 2.0  # of one processor; it takes a tenth of that
MINIMUM_MEMORY = 64 << 20


def status_of(data: bytes, syntax: str, sop_class_uid: str = CT, sop_instance_uid: str = UID) -> StoreStatus:
    """What admission answers."""
    if not data:
        return StoreStatus.CANNOT_UNDERSTAND  # the sink's own check: there is nothing to walk
    try:
        check_uids(
            scan(memoryview(data), syntax, WANTED),
            StoreRequest(sop_class_uid, sop_instance_uid, syntax, "CT1", "GANTRY", "10.1.2.3"),
        )
    except WrongInstance:
        return StoreStatus.DATA_SET_MISMATCH
    except MalformedDataSet:
        return StoreStatus.CANNOT_UNDERSTAND
    return StoreStatus.SUCCESS


def read_all(header: Header) -> None:
    """Every attribute as text that a database takes."""
    for attribute in ATTRIBUTES:
        text = header.text(attribute.tag)
        text.encode()
        assert "\0" not in text
    header.note().encode()


def run(case: Case, folder: Path) -> None:
    data = case.make()
    path = folder / "file.dcm"
    path.write_bytes(part10(data, sop_instance_uid=UID, transfer_syntax_uid=case.syntax))
    began = time.process_time()
    header = admit_and_read(case, data, path)
    if len(data) <= 64 << 20:
        assert time.process_time() - began < SECONDS
    tracemalloc.start()  # which takes many times as long
    try:
        admit_and_read(case, data, path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < max(4 * len(data), MINIMUM_MEMORY)
    if header is not None:
        assert bool(header.note()) == case.is_noted, header.note()
        for tag, text in case.values:
            assert header.text(tag) == text.strip()
    assert path.read_bytes().endswith(data)


def admit_and_read(case: Case, data: bytes, path: Path) -> Header | None:
    assert status_of(data, case.syntax) == case.status
    if case.status != StoreStatus.SUCCESS:
        return None
    header = header_of(path, INDEX_TAGS)
    read_all(header)
    return header


def test_the_corpus_is_as_large_as_it_says() -> None:
    assert len(CASES) >= 130


@pytest.mark.parametrize("name", CASES)
def test_each_odd_data_set_has_its_status_and_is_read_in_bounds(name: str, tmp_path: Path) -> None:
    run(CASES[name], tmp_path)


@pytest.mark.faults
@pytest.mark.parametrize("name", LARGE)
def test_each_large_data_set_has_its_status(name: str, tmp_path: Path) -> None:
    run(LARGE[name], tmp_path)


def bases() -> Iterator[tuple[str, bytes]]:
    """Data sets to mutate, with their transfer syntaxes: all encodings, nested, with frames, with text, real."""
    yield from one_of_each_encoding().items()
    yield EXPLICIT, instance(late=nested(5))
    yield (
        EXPLICIT,
        b"".join(
            instance(early=element(0x00080005, "CS", terms) + element(0x00100010, "PN", name))
            for terms, name in VALID_TEXT.items()
        ),
    )
    frames = element(0x7FE00010, "OB", b"", length=UNDEFINED) + (delimiter(ITEM, 4) + b"\xff\xd8\xff\xd9") * 3
    yield JPEG2000Lossless, instance(late=frames + delimiter(SEQUENCE_END))
    for path in random.Random(3).sample([path for path in pydicom_files() if path.stat().st_size < 20_000], 12):
        ds = pydicom.dcmread(path, stop_before_pixels=True)
        yield ds.file_meta.TransferSyntaxUID, data_set_bytes(path)
    for path in pydicom_files():
        if path.name in {"chrX1.dcm", "chrH32.dcm", "chrKoreanMulti.dcm"}:
            yield DeflatedExplicitVRLittleEndian, encoded(pydicom.dcmread(path), DeflatedExplicitVRLittleEndian)


PIECES = [
    b"\xff\xff\xff\xff",
    b"\0\0\0\0",
    b"\xff\xff\xff\x7f",
    b"\xfe\xff\x00\xe0",
    b"\xfe\xff\x0d\xe0",
    b"\xfe\xff\xdd\xe0",
]
PIECES += [
    b"SQ\0\0",
    b"UN\0\0",
    b"OB\0\0",
    b"PN\xff\xff",
    b"\x1b$B",
    b"\x1b-F",
    b"\x1b$)C",
    b"\\",
    b"",
    b"\xe2\x7f\x10\0",
]


def mutated(data: bytes, seeded: random.Random) -> bytes:
    """Some bytes changed, pieces put in, taken out and said twice, sometimes cut."""
    out = bytearray(data)
    for _ in range(seeded.randint(1, 6)):
        position = seeded.randrange(len(out) + 1)
        match seeded.randrange(5):
            case 0:
                out[position : position + 1] = bytes([seeded.randrange(256)])
            case 1:
                piece = seeded.choice(PIECES)
                out[position : position + len(piece)] = piece
            case 2:
                out[position:position] = seeded.choice(PIECES)
            case 3:
                del out[position : position + seeded.randint(1, 16)]
            case 4:
                out[position:position] = out[seeded.randrange(len(out) + 1) :][: seeded.randint(1, 300)]
    return bytes(out[: seeded.randrange(len(out) + 1)]) if not seeded.randrange(6) else bytes(out)


def mutate_and_read(count: int, seed: int, folder: Path, *, also_refused: int) -> None:
    """As many mutations through admission and, when they are taken, the reading of headers; some of the others too."""
    seeded = random.Random(seed)
    all_bases = [(syntax, base, *uids_of(base, syntax)) for syntax, base in bases()]
    assert len(all_bases) >= 10
    path, left, outcomes = folder / "file.dcm", also_refused, set()
    for number in range(count):
        syntax, base, sop_class_uid, sop_instance_uid = all_bases[number % len(all_bases)]
        data = mutated(base, seeded)
        began = time.process_time()
        status = status_of(data, syntax, sop_class_uid, sop_instance_uid)
        outcomes.add(status)
        is_taken = status == StoreStatus.SUCCESS
        if is_taken or left:
            left -= not is_taken
            path.write_bytes(part10(data, sop_instance_uid=UID, transfer_syntax_uid=syntax))
            try:
                read_all(header_of(path, INDEX_TAGS))
            except (MalformedDataSet, NotPart10) as error:
                assert not is_taken, (seed, number, error)  # noqa: PT017 (what is taken must be readable)
        assert time.process_time() - began < SECONDS, (seed, number)
    assert outcomes >= {StoreStatus.SUCCESS, StoreStatus.CANNOT_UNDERSTAND}


def uids_of(data: bytes, syntax: str) -> tuple[str, str]:
    """SOP Class and Instance UID."""
    values = scan(data, syntax, INDEX_TAGS).values
    sop_class_uid, sop_instance_uid = (values[tag][1].rstrip(b"\0 ").decode() for tag in (0x00080016, 0x00080018))
    return sop_class_uid, sop_instance_uid


def test_mutations_are_refused_or_read(tmp_path: Path) -> None:
    mutate_and_read(500, 20261121, tmp_path, also_refused=25)


def check_beginnings(data: bytes, syntax: str, sizes: Iterable[int]) -> int:
    """Whatever the walk over a beginning says, the walk over the whole says too; how often it said something."""
    try:
        whole = scan(data, syntax, INDEX_TAGS)
    except MalformedDataSet:
        whole = None
    found = [scan_beginning(data[:size], len(data), syntax, INDEX_TAGS) for size in sizes]
    assert all(each is None or each == whole for each in found)
    return sum(each is not None for each in found)


def test_a_beginning_says_what_the_whole_says_or_nothing() -> None:
    seeded, spoken = random.Random(20261126), 0
    for syntax, base in bases():
        spoken += check_beginnings(base, syntax, range(0, len(base) + 1, max(1, len(base) // 500)))
        for _ in range(40):
            data = mutated(base, seeded)
            # A long value after the header, whole or cut off, is what it is made for.
            data += element(0x7FE00010, "OW", bytes(3000)) if seeded.randrange(2) else b""
            data = data[: len(data) - seeded.choice([0, 0, 0, 1, 8, 2000])]
            spoken += check_beginnings(data, syntax, [seeded.randrange(len(data) + 1) for _ in range(30)])
    assert spoken > 1000
    for case in CASES.values():
        data = case.make()
        check_beginnings(data, case.syntax, [0, 132, 1000, BEGINNING_BYTES, len(data)])


@pytest.mark.faults
@pytest.mark.parametrize("seed", range(10))
def test_many_mutations_are_refused_or_read(tmp_path: Path, seed: int) -> None:
    mutate_and_read(1_000, seed, tmp_path, also_refused=50)
