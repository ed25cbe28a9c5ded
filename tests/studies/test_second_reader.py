"""What the scan cannot follow: read by a child that nothing but its own limits ends, or kept and told of."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom.uid import DeflatedExplicitVRLittleEndian

from gateway.env import Environment
from studies import reading
from studies.attributes import INDEX_TAGS
from studies.errors import CutOffDataSet, MalformedDataSet
from studies.header import read_header
from studies.index import index_spool
from studies.models import Instance, Study, UnreadableFile
from studies.reading import header_of
from studies.second_reader import SecondReader, SecondReaderFailed
from studies.spool import Spool
from studies.ulid import new_ulid
from tests.api_clients import V1, client_of
from tests.corpus import bomb, data_set, element, nested, write_part10
from tests.factories import InstanceFactory

PATIENT_NAME, PATIENT_ID = 0x00100010, 0x00100020
NAMED = element(0x00080005, "CS", b"ISO_IR 100") + element(PATIENT_NAME, "PN", b"J\xe9r\xf4me")
TOO_DEEP = data_set(sop_instance_uid=b"1.2", early=NAMED, late=nested(80))
MANY = element(0x00020010, "LO", b"") * 120_000 + data_set(sop_instance_uid=b"1.2", early=NAMED)


@pytest.fixture
def reader() -> Iterator[SecondReader]:
    reader = SecondReader(seconds=60)
    yield reader
    reader.close()


@pytest.fixture(autouse=True)
def _own_reader(reader: SecondReader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "second_reader", reader)


def child_of(reader: SecondReader) -> int:
    assert reader._child is not None
    return reader._child.pid


def test_it_reads_what_the_scan_reads_and_keeps_its_child(tmp_path: Path, reader: SecondReader) -> None:
    path = write_part10(tmp_path, data_set(sop_instance_uid=b"1.2", early=NAMED))
    mine, theirs = read_header(path, INDEX_TAGS).found, reader.read(path, INDEX_TAGS)
    assert {tag: value.rstrip(b"\0 ") for tag, (_, value) in theirs.values.items()} == {
        tag: value.rstrip(b"\0 ") for tag, (_, value) in mine.values.items()
    }
    first = child_of(reader)
    reader.read(path, INDEX_TAGS)
    assert child_of(reader) == first


def test_after_a_file_that_ends_the_child_the_next_is_read(tmp_path: Path, reader: SecondReader) -> None:
    good = write_part10(tmp_path)
    bad = write_part10(tmp_path, bomb(b"1.2"), syntax=DeflatedExplicitVRLittleEndian)
    for _ in range(2):
        with pytest.raises(SecondReaderFailed, match=r"MemoryError|MiB"):
            reader.read(bad, INDEX_TAGS)
        assert reader.read(good, INDEX_TAGS).values


@pytest.mark.parametrize("signal", [9, 15])
def test_a_child_that_was_killed_is_replaced(tmp_path: Path, reader: SecondReader, signal: int) -> None:
    good = write_part10(tmp_path)
    reader.read(good, INDEX_TAGS)
    os.kill(child_of(reader), signal)
    os.waitid(os.P_PID, child_of(reader), os.WEXITED | os.WNOWAIT)
    assert reader.read(good, INDEX_TAGS).values


def test_a_child_that_says_nothing_in_time_is_ended(tmp_path: Path) -> None:
    reader = SecondReader(seconds=1)
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)  # whoever opens it waits for ever
    try:
        with pytest.raises(SecondReaderFailed, match="more than 1 s"):
            reader.read(fifo, INDEX_TAGS)
        assert reader._child is None
    finally:
        reader.close()


def test_a_vr_that_is_no_letters_is_read_by_the_dictionary(tmp_path: Path) -> None:
    odd = b"\x10\0\x20\0L\xe2\2\0P1"
    header = header_of(write_part10(tmp_path, data_set(sop_instance_uid=b"1.2", early=odd)), INDEX_TAGS)
    assert header.text(PATIENT_ID) == "P1"
    assert "second way" in header.note()


def test_what_the_scan_cannot_follow_is_read_and_told_of(tmp_path: Path) -> None:
    header = header_of(write_part10(tmp_path, TOO_DEEP), INDEX_TAGS)
    assert header.text(PATIENT_NAME) == "Jérôme"
    assert "64 deep" in header.note()


def test_what_stands_behind_too_many_elements_is_found(tmp_path: Path) -> None:
    header = header_of(write_part10(tmp_path, MANY), INDEX_TAGS)
    assert header.text(PATIENT_NAME) == "Jérôme"
    assert "more than 100,000 elements" in header.note()


def test_what_nobody_can_read_says_so(tmp_path: Path) -> None:
    with pytest.raises(MalformedDataSet, match="RecursionError"):
        header_of(write_part10(tmp_path, data_set(sop_instance_uid=b"1.2", late=nested(5000))), INDEX_TAGS)
    with pytest.raises(CutOffDataSet):
        header_of(write_part10(tmp_path, data_set(sop_instance_uid=b"1.2")[:-3]), INDEX_TAGS)
    with pytest.raises(MalformedDataSet, match="Study Instance UID"):
        header_of(write_part10(tmp_path, data_set(sop_instance_uid=b"1.2", study_instance_uid=b"../x")), INDEX_TAGS)


@pytest.mark.django_db(transaction=True)
def test_in_the_index_each_is_stored_or_listed_and_none_stops_another(home: Environment) -> None:
    spool = Spool(home.spool_dir)
    spool.prepare()
    contents = {
        "deep": TOO_DEEP,
        "misnamed": data_set(sop_instance_uid=b"1.3", early=NAMED.replace(b"ISO_IR 100", b"KLINGON   ")),
        "fine": data_set(sop_instance_uid=b"1.4"),
        "hopeless": data_set(sop_instance_uid=b"1.5", late=nested(5000)),
        "without a study": data_set(sop_instance_uid=b"1.6", study_instance_uid=None),
    }
    names = {}
    for what, content in contents.items():
        names[what] = f"{new_ulid()}.dcm"
        write_part10(home.home, content).rename(spool.new / "0" / names[what])
    index_spool(spool)
    notes = dict(Instance.objects.values_list("sop_instance_uid", "header_note"))
    assert set(notes) == {"1.2", "1.3", "1.4"}
    assert "64 deep" in notes["1.2"]
    assert notes["1.3"].startswith("Its Specific Character Set is unknown.")
    assert notes["1.4"] == ""
    kept = {names["hopeless"]: contents["hopeless"], names["without a study"]: contents["without a study"]}
    assert set(UnreadableFile.objects.values_list("name", flat=True)) == set(kept)
    for file in UnreadableFile.objects.all():
        path = spool.root / "odd" / file.name
        assert path.read_bytes().endswith(kept[file.name])
        assert (file.size_bytes, bool(file.reason)) == (path.stat().st_size, True)

    api = client_of("viewer")
    assert [study["study_instance_uid"] for study in api.get(f"{V1}/studies?is_odd=true").json()["results"]] == [
        Study.objects.get().study_instance_uid
    ]
    listed = api.get(f"{V1}/studies/1.2.3.4/instances").json()["results"]
    assert {instance["sop_instance_uid"]: instance["header_note"] for instance in listed} == notes
    assert {file["name"] for file in api.get(f"{V1}/unreadable-files").json()["results"]} == set(kept)


@pytest.mark.django_db
def test_a_study_without_odd_headers_is_not_among_the_odd() -> None:
    odd = InstanceFactory.create(header_note="odd").series.study
    InstanceFactory.create()
    found = client_of("viewer").get(f"{V1}/studies?is_odd=true").json()["results"]
    assert [study["study_instance_uid"] for study in found] == [odd.study_instance_uid]
