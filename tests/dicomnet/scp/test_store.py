"""C-STORE as provider: the status of each input, what is left in the spool, and that the association goes on.

The table is that of PS3.4 B.2.3 as Gantry answers it; every row ends with a C-ECHO on the same association.
"""

import errno
import os
import random
import resource
import struct
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom.uid import (
    AllTransferSyntaxes,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPIPHTJ2KReferencedDeflate,
)
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]

from dicomnet.part10 import DEFLATED, read_file_meta
from dicomnet.wire import pdu
from studies.dimse import local_spool
from tests.corpus import (
    CT,
    EXPLICIT,
    UNDEFINED,
    bomb,
    data_set,
    data_set_bytes,
    deflated,
    element,
    nested,
    one_of_each_encoding,
    pydicom_files,
)
from tests.peers import Caller, Listener, Reply, peer

UID = "1.2.3.9"
GOOD = data_set(sop_instance_uid=UID.encode())
ECHO = (Verification, ImplicitVRLittleEndian)
STORE = (CT, EXPLICIT)
SUCCESS, OUT_OF_RESOURCES, MISMATCH, CANNOT_UNDERSTAND = 0x0000, 0xA700, 0xA900, 0xC000
SECONDS_TO_ANSWER = 2


@pytest.fixture
def caller(listener: Listener) -> Iterator[Caller]:
    syntaxes = [
        ExplicitVRLittleEndian,
        ImplicitVRLittleEndian,
        ExplicitVRBigEndian,
        DeflatedExplicitVRLittleEndian,
        JPEG2000Lossless,
    ]
    with Caller(
        peer(listener.port, "GANTRY", timeout_seconds=20), [ECHO, *((CT, syntax) for syntax in syntaxes)]
    ) as it:
        yield it


def store(caller: Caller, data: bytes, *, syntax: str = EXPLICIT, uid: str = UID) -> Reply:
    began = time.process_time()  # of caller and listener together, whatever else this machine does
    reply = caller.store(data, (CT, syntax), sop_class_uid=CT, sop_instance_uid=uid)
    assert time.process_time() - began < SECONDS_TO_ANSWER
    assert caller.echo() == SUCCESS
    return reply


def bad_uid(value: bytes) -> bytes:
    return data_set(sop_instance_uid=UID.encode(), study_instance_uid=value)


def tag(number: int) -> bytes:
    return struct.pack("<HH", number >> 16, number & 0xFFFF)


SOP_CLASS, SOP_INSTANCE, STUDY, SERIES = 0x00080016, 0x00080018, 0x0020000D, 0x0020000E

# What is sent as explicit little endian, the status, a word of the comment, the Offending Element.
REFUSED: dict[str, tuple[bytes, int, str, int | None]] = {
    "no SOP Class UID": (data_set(sop_class_uid=None, sop_instance_uid=UID.encode()), 0xC000, "missing", SOP_CLASS),
    "no SOP Instance UID": (data_set(), 0xC000, "missing", SOP_INSTANCE),
    "no Study Instance UID": (
        data_set(sop_instance_uid=UID.encode(), study_instance_uid=None),
        0xC000,
        "missing",
        STUDY,
    ),
    "no Series Instance UID": (
        data_set(sop_instance_uid=UID.encode(), series_instance_uid=None),
        0xC000,
        "missing",
        SERIES,
    ),
    "an empty UID": (bad_uid(b""), 0xC000, "missing", STUDY),
    "a UID of spaces": (bad_uid(b"   "), 0xC000, "missing", STUDY),
    "a UID of zero bytes": (bad_uid(b"\0\0"), 0xC000, "missing", STUDY),
    "../../x": (bad_uid(b"../../x"), 0xC000, "no UID", STUDY),
    "/var/x": (bad_uid(b"/var/x"), 0xC000, "no UID", STUDY),
    "..": (bad_uid(b".."), 0xC000, "no UID", STUDY),
    "%2e%2e": (bad_uid(b"%2e%2e"), 0xC000, "no UID", STUDY),
    "65 characters": (bad_uid(b"1." + b"2" * 63), 0xC000, "no UID", STUDY),
    "10,000 characters": (bad_uid(b"1" * 10_000), 0xC000, "no UID", STUDY),
    "a NUL inside": (bad_uid(b"1.2\x003.4"), 0xC000, "no UID", STUDY),
    "a newline": (bad_uid(b"1.2.3\n"), 0xC000, "no UID", STUDY),
    "unicode digits": (bad_uid("1.٢".encode()), 0xC000, "no UID", STUDY),
    "two values": (bad_uid(b"1.2\\1.3"), 0xC000, "no UID", STUDY),
    "an empty component": (bad_uid(b"1..2"), 0xC000, "no UID", STUDY),
    "a dot at the end": (bad_uid(b"1.2."), 0xC000, "no UID", STUDY),
    "a space before": (bad_uid(b" 1.2"), 0xC000, "no UID", STUDY),
    "another SOP Instance UID": (data_set(sop_instance_uid=b"1.2.3.8"), 0xA900, "not the one", SOP_INSTANCE),
    "another SOP Class UID": (
        data_set(sop_class_uid=b"1.2.840.10008.5.1.4.1.1.4", sop_instance_uid=UID.encode()),
        0xA900,
        "not the one",
        SOP_CLASS,
    ),
    "4 GiB element": (GOOD + element(0x00991010, "OB", b"x" * 10, length=0xFFFFFFF0), 0xC000, "cut off", 0x00991010),
    "no data set": (b"", 0xC000, "empty", None),
    "two bytes": (b"\x08\0", 0xC000, "cut off", None),
    "zeros": (bytes(1000), 0xC000, "not in the transfer syntax", None),
    "text": (b"This is no data set, whatever it says.  " * 9, 0xC000, "not in the transfer syntax", 0x68547369),
    "implicit as explicit": (one_of_each_encoding()[ImplicitVRLittleEndian], 0xC000, "not in the transfer", SOP_CLASS),
    "big endian as little": (one_of_each_encoding()[ExplicitVRBigEndian], 0xC000, "", None),
    "65 sequences deep": (GOOD + nested(65), 0xC000, "deep", 0x00400275),
    "200 sequences deep": (GOOD + nested(200), 0xC000, "deep", 0x00400275),
    "3000 sequences deep": (GOOD + nested(3000), 0xC000, "deep", 0x00400275),
    "a sequence that is not closed": (
        GOOD + element(0x00400275, "SQ", b"", length=UNDEFINED),
        0xC000,
        "cut off",
        None,
    ),
    "a sequence of elements": (
        GOOD + element(0x00400275, "SQ", GOOD, length=UNDEFINED),
        0xC000,
        "something else than items",
        0x00400275,
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_has_its_status_and_leaves_nothing(caller: Caller, listener: Listener, name: str) -> None:
    data, status, words, offending = REFUSED[name]
    reply = store(caller, data)
    assert reply.status == status
    assert words in reply.comment
    assert 0 < len(reply.comment) <= 64
    if offending is not None:
        assert reply.offending_element == tag(offending)
    assert listener.litter() == []
    assert listener.rung == []


ACCEPTED: dict[str, bytes] = {
    "a small one": GOOD,
    "zeros in components": bad_uid(b"1.02.003"),
    "64 characters": bad_uid(b"1." + b"2" * 62),
    "trailing padding": GOOD + bytes(6),
    "zeros after the last element": GOOD + bytes(512),
    "an unknown character set": data_set(
        sop_instance_uid=UID.encode(), early=element(0x00080005, "CS", b"KLINGON") + element(0x00100010, "PN", b"\xff")
    ),
    "an empty Patient ID": data_set(sop_instance_uid=UID.encode(), early=element(0x00100020, "LO", b"")),
    "10 sequences deep": GOOD + nested(10),
    "64 sequences deep": GOOD + nested(64),
    "an empty sequence": GOOD + element(0x00400275, "SQ", b""),
    "group 2 inside": element(0x00020010, "UI", b"1.2.840.10008.1.2") + GOOD,
    "tags out of order": GOOD + element(0x00080060, "CS", b"MR"),
    "a VR of later editions": GOOD + element(0x00990010, "LO", b"ME") + b"\x99\0\1\x10ZZ\0\0\4\0\0\0abcd",
    "a long name": data_set(sop_instance_uid=UID.encode(), early=element(0x00100010, "PN", b"x" * 10_000)),
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_what_is_accepted_is_spooled_byte_for_byte(caller: Caller, listener: Listener, name: str) -> None:
    reply = store(caller, ACCEPTED[name])
    assert (reply.status, reply.comment) == (SUCCESS, "")
    (path,) = listener.spool.waiting()
    assert data_set_bytes(path) == ACCEPTED[name]
    assert listener.litter() == [path]
    assert listener.rung == ["rung"]


def test_a_spooled_file_says_how_it_came(caller: Caller, listener: Listener) -> None:
    store(caller, GOOD)
    (path,) = listener.spool.waiting()
    with path.open("rb") as file:
        meta = read_file_meta(file)
    assert (meta.sop_class_uid, meta.sop_instance_uid, meta.transfer_syntax_uid) == (CT, UID, EXPLICIT)
    assert (meta.text(0x0017), meta.text(0x0018)) == ("GANTRY", "GANTRY")
    assert b'"source_address": "127.0.0.1"' in meta.elements[0x0102]
    assert path.stat().st_mode & 0o777 == 0o640


def test_the_same_instance_twice_is_two_files(caller: Caller, listener: Listener) -> None:
    store(caller, GOOD)
    store(caller, GOOD)
    assert len(list(listener.spool.waiting())) == 2


@pytest.mark.parametrize("uid", ["../../x", "/var/x", "a b", "1..2", "x\ny"])
def test_a_request_whose_uid_is_no_uid_is_refused(caller: Caller, listener: Listener, uid: str) -> None:
    reply = store(caller, data_set(sop_instance_uid=uid.encode()), uid=uid)
    assert reply.status == CANNOT_UNDERSTAND
    assert listener.litter() == []


def test_a_request_without_a_sop_instance_uid_is_answered(caller: Caller, listener: Listener) -> None:
    reply = store(caller, GOOD, uid="")
    assert reply.status == CANNOT_UNDERSTAND
    assert listener.litter() == []


def test_a_request_whose_uid_is_too_long_is_answered(caller: Caller, listener: Listener) -> None:
    reply = store(caller, GOOD, uid="1." + "2" * 64)
    assert reply.status == CANNOT_UNDERSTAND
    assert "Affected SOP Instance UID" in reply.comment
    assert listener.litter() == []


def test_a_data_set_cut_off_anywhere_is_refused(caller: Caller, listener: Listener) -> None:
    seeded = random.Random(20)
    whole = GOOD + element(0x7FE00010, "OW", bytes(3000))
    for offset in sorted(seeded.sample(range(2, len(whole) - 8, 2), 50)):
        reply = store(caller, whole[:offset])
        assert reply.status == CANNOT_UNDERSTAND, offset
        assert listener.litter() == [], offset


def test_random_bytes_are_refused(caller: Caller, listener: Listener) -> None:
    seeded = random.Random(21)
    for _ in range(30):
        data = seeded.randbytes(seeded.randrange(2, 4000, 2))
        for syntax in (ExplicitVRLittleEndian, ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian):
            assert store(caller, data, syntax=syntax).status == CANNOT_UNDERSTAND
    assert listener.litter() == []


@pytest.mark.parametrize("syntax", one_of_each_encoding(), ids=lambda syntax: syntax.rpartition(".")[2])
def test_each_encoding_is_accepted_as_itself_and_refused_as_the_others(
    caller: Caller, listener: Listener, syntax: str
) -> None:
    for own, data in one_of_each_encoding().items():
        reply = store(caller, data + b"\0" * (len(data) % 2), syntax=syntax)
        assert reply.status == (SUCCESS if own == syntax else CANNOT_UNDERSTAND), own
    assert len(list(listener.spool.waiting())) == 1


def test_implicit_elements_with_compressed_pixel_data_are_accepted(caller: Caller, listener: Listener) -> None:
    data = one_of_each_encoding()[ImplicitVRLittleEndian]
    assert store(caller, data, syntax=JPEG2000Lossless).status == SUCCESS


def test_a_deflated_bomb_is_answered_in_time_and_memory(caller: Caller, listener: Listener) -> None:
    data = bomb(UID.encode())
    assert 900_000 < len(data) < 1_200_000
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    reply = store(caller, data + b"\0" * (len(data) % 2), syntax=DeflatedExplicitVRLittleEndian)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert reply.status in {SUCCESS, CANNOT_UNDERSTAND}
    assert (after - before) / 1024 < 256


def test_a_deflated_stream_that_is_cut_off_is_refused(caller: Caller, listener: Listener) -> None:
    data = deflated(data_set(sop_instance_uid=UID.encode(), modality=b"CT" * 300, late=random.Random(1).randbytes(0)))
    for end in range(2, len(data) - 2, 8):
        assert store(caller, data[:end], syntax=DeflatedExplicitVRLittleEndian).status == CANNOT_UNDERSTAND
    assert listener.litter() == []


def test_a_private_element_of_64_mib_is_accepted(caller: Caller, listener: Listener) -> None:
    data = GOOD + element(0x00991010, "OB", bytes(64 << 20))
    assert store(caller, data).status == SUCCESS
    (path,) = listener.spool.waiting()
    assert data_set_bytes(path) == data


def test_a_million_elements_are_answered_in_time(caller: Caller, listener: Listener) -> None:
    data = GOOD + element(0x00991010, "LO", b"") * 1_000_000
    assert store(caller, data).status == SUCCESS


def test_a_private_class_is_stored(listener: Listener) -> None:
    private = "1.3.12.2.1107.5.9.1"
    data = data_set(sop_class_uid=private.encode(), sop_instance_uid=UID.encode())
    with Caller(peer(listener.port, "GANTRY"), [(private, EXPLICIT)]) as caller:
        reply = caller.store(data, (private, EXPLICIT), sop_class_uid=private, sop_instance_uid=UID)
    assert reply.status == SUCCESS
    (path,) = listener.spool.waiting()
    assert data_set_bytes(path) == data


def test_every_transfer_syntax_is_stored_byte_for_byte(listener: Listener) -> None:
    implicit = one_of_each_encoding()[ImplicitVRLittleEndian]
    big = one_of_each_encoding()[ExplicitVRBigEndian]
    with Caller(peer(listener.port, "GANTRY"), [(CT, syntax) for syntax in AllTransferSyntaxes]) as caller:
        for number, syntax in enumerate(AllTransferSyntaxes):
            data = {ImplicitVRLittleEndian: implicit, ExplicitVRBigEndian: big}.get(syntax, GOOD)
            if syntax in DEFLATED:
                data = deflated(GOOD)
                data += b"\0" * (len(data) % 2)
            reply = caller.store(data, (CT, syntax), sop_class_uid=CT, sop_instance_uid=UID)
            assert reply.status == SUCCESS, syntax.name
            path = list(listener.spool.waiting())[number]
            assert data_set_bytes(path) == data
            with path.open("rb") as file:
                assert read_file_meta(file).transfer_syntax_uid == syntax
    assert JPIPHTJ2KReferencedDeflate in DEFLATED


def test_pydicoms_files_are_stored_byte_for_byte(listener: Listener) -> None:
    sent: list[bytes] = []
    for path in pydicom_files():
        with path.open("rb") as file:
            meta = read_file_meta(file)
        data = data_set_bytes(path)
        if len(data) % 2 or not meta.sop_class_uid or b"." not in meta.sop_instance_uid.encode():
            continue
        context = (meta.sop_class_uid, meta.transfer_syntax_uid)
        with Caller(peer(listener.port, "GANTRY"), [context]) as caller:
            reply = caller.store(
                data, context, sop_class_uid=meta.sop_class_uid, sop_instance_uid=meta.sop_instance_uid
            )
        if reply.status == SUCCESS:
            sent.append(data)
        else:
            # Its File Meta Information contradicts its data set, or it is cut off on purpose.
            assert reply.status == (CANNOT_UNDERSTAND if "truncated" in path.name else MISMATCH), (path.name, reply)
    assert len(sent) > 30
    assert [data_set_bytes(path) for path in listener.spool.waiting()] == sent


@pytest.mark.parametrize("step", ["fdatasync", "fsync", "link", "writev"])
def test_a_disk_that_fails_is_out_of_resources_and_leaves_nothing(
    caller: Caller, listener: Listener, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as broken:
        broken.setattr(os, step, fail)
        reply = caller.store(GOOD, STORE, sop_class_uid=CT, sop_instance_uid=UID)
    assert reply.status == OUT_OF_RESOURCES
    assert reply.comment == "cannot store now: Input/output error"
    assert listener.litter() == []
    assert listener.rung == []
    assert store(caller, GOOD).status == OUT_OF_RESOURCES  # until the disk has passed its test
    until_stored(caller, GOOD)


def test_without_o_tmpfile_nothing_is_left_either(
    caller: Caller, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    real_open = os.open

    def without_tmpfile(path: str, flags: int, *args: int, **kwargs: int) -> int:
        if flags & os.O_TMPFILE == os.O_TMPFILE:
            raise OSError(errno.EOPNOTSUPP, "Operation not supported")
        return real_open(path, flags, *args, **kwargs)

    monkeypatch.setattr(os, "open", without_tmpfile)
    assert store(caller, GOOD).status == SUCCESS
    assert store(caller, GOOD[:30]).status == CANNOT_UNDERSTAND
    (path,) = listener.spool.waiting()
    assert data_set_bytes(path) == GOOD
    assert listener.litter() == [path]


def test_an_error_of_ours_is_a_processing_failure(
    caller: Caller, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object) -> None:
        raise RuntimeError("a defect, of Doe^Jane")

    with monkeypatch.context() as broken:
        broken.setattr("studies.sink.check_uids", fail)
        reply = store(caller, GOOD)
    assert reply.status == 0x0110
    assert reply.comment == "internal error, see the gateway's log"
    assert listener.litter() == []


@pytest.fixture
def small_disk(listener: Listener) -> Iterator[Path]:
    """The spool on a disk of 8 MiB."""
    root = listener.spool.root
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(root)], check=True)
    listener.spool.prepare()
    try:
        yield root
    finally:
        local_spool.cache_clear()
        subprocess.run(["umount", "-l", str(root)], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small disk: run the tests as root")
@pytest.mark.parametrize("listener", [90, 100], ids=["watermark", "no space left"], indirect=True)
def test_a_disk_that_becomes_full_refuses_and_recovers(caller: Caller, listener: Listener, small_disk: Path) -> None:
    data = GOOD + element(0x00991010, "OB", bytes(500_000))
    statuses = [store(caller, data).status for _ in range(24)]
    kept = list(listener.spool.waiting())
    assert set(statuses) == {SUCCESS, OUT_OF_RESOURCES}
    assert len(kept) == statuses.count(SUCCESS) > 10
    assert all(data_set_bytes(path) == data for path in kept)
    assert sorted(listener.litter()) == sorted(kept)
    for path in kept:
        path.unlink()
    until_stored(caller, data)


def until_stored(caller: Caller, data: bytes) -> None:
    """The gateway takes instances again by itself, soon."""
    deadline = time.monotonic() + 30
    while store(caller, data).status != SUCCESS:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_transfer_that_is_broken_off_leaves_nothing(listener: Listener) -> None:
    for cut in (10, 100, 200):
        caller = Caller(peer(listener.port, "GANTRY"), [STORE])
        context_id = caller.contexts[STORE]
        elements = [(0x0002, CT.encode() + b"\0"), (0x0100, b"\1\0"), (0x0110, b"\1\0"), (0x0800, b"\0\0")]
        cut_off = caller.message(context_id, elements) + pdu.fragment_header(context_id, cut, 0) + GOOD[:cut]
        caller.write(cut_off, caller.peer.dimse_timeout_seconds)
        caller.abort()
    with Caller(peer(listener.port, "GANTRY"), [ECHO]) as caller:
        assert caller.echo() == SUCCESS
    assert listener.litter() == []
