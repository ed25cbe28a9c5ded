"""Byte identity over odd files: what is kept and what is delivered is what came (PS3.5 7, A; RELIABILITY I5)."""

import hashlib
import os
import resource
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from dicomnet.wire.pdu import IS_COMMAND, IS_LAST
from tests.conformance.odd_files import odd_files
from tests.conformance.programs import storescp
from tests.conformance.raw import Raw, associate_rq, p_data, pdv, store_command
from tests.corpus import CT, EXPLICIT, data_set, data_set_bytes, element
from tests.journeys.dcmtk import data_set_of
from tests.journeys.product import Product, product, wait_until
from tests.peers import Listener

WHOLE = IS_COMMAND | IS_LAST
SYNTAXES = sorted({syntax for _, syntax, _ in odd_files().values()})
CONTEXTS = [(1 + 2 * number, CT, [syntax]) for number, syntax in enumerate(SYNTAXES)]
GIBIBYTE = 1 << 30


def context_of(syntax: str) -> int:
    return 1 + 2 * SYNTAXES.index(syntax)


@pytest.mark.embedded
@pytest.mark.parametrize("name", odd_files())
def test_an_odd_data_set_is_kept_as_it_came(listener: Listener, name: str) -> None:
    uid, syntax, data = odd_files()[name]
    with Raw(listener.port) as connection:
        connection.associate(associate_rq(CONTEXTS))
        assert connection.store(data, uid, context_id=context_of(syntax), size=1_000) == 0
        assert connection.release() == "released"
    (path,) = listener.spool.waiting()
    assert data_set_bytes(path) == data


@pytest.mark.journey
@pytest.mark.peers
@pytest.mark.embedded
@pytest.mark.usefixtures("dcmtk_installed")
def test_odd_data_sets_are_delivered_as_they_came(tmp_path: Path) -> None:
    """The whole way: received, indexed, routed, delivered; what the scanner takes for odd is not lost on it."""
    sent = Counter(hashlib.sha256(data).hexdigest() for _, _, data in odd_files().values())
    with storescp(tmp_path / "pacs") as port, product(tmp_path / "home") as running:
        running.start()
        running.configure(destinations={"PACS": ("PEER", port)})
        with Raw(running.dicom_port) as connection:
            connection.associate(associate_rq(CONTEXTS))
            for uid, syntax, data in odd_files().values():
                assert connection.store(data, uid, context_id=context_of(syntax)) == 0
            assert connection.release() == "released"
        wait_until(lambda: delivered(running) >= len(odd_files()), 90, lambda: states(running))
        kept = digests(running.home / "hot")
        arrived = digests(tmp_path / "pacs")
    assert kept == sent
    assert arrived == sent


def digests(folder: Path) -> Counter[str]:
    found = [path for path in folder.rglob("*") if path.is_file()]
    return Counter(hashlib.sha256(data_set_of(path)).hexdigest() for path in found)


def delivered(running: Product) -> int:
    return running.count("SELECT count(*) FROM routing_delivery WHERE state = 'delivered'")


def states(running: Product) -> object:
    return running.query("SELECT state, last_error, count(*) FROM routing_delivery GROUP BY state, last_error")


def blocks(size: int, block: bytes) -> Iterator[bytes]:
    """So many bytes, in blocks that differ."""
    position = 0
    while position < size:
        piece = position.to_bytes(8, "little") + block[8:]
        yield piece[: size - position]
        position += len(piece)


@pytest.mark.embedded
@pytest.mark.faults
def test_more_than_2_gib_are_kept_as_they_came(listener: Listener) -> None:
    """Lengths beyond 31 bits; the bytes are made as they are sent and read as they are compared."""
    uid, size = "1.2.3.9", 2 * GIBIBYTE + 100_002
    head = data_set(sop_instance_uid=uid.encode()) + element(0x7FE00010, "OB", b"", length=size)
    if os.statvfs(listener.spool.root).f_bavail * os.statvfs(listener.spool.root).f_frsize < 4 * GIBIBYTE:
        pytest.fail("this test needs 4 GiB of room in the folder for temporary files")
    block = os.urandom(131_066)
    sent = hashlib.blake2b(head)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with Raw(listener.port) as connection:
        connection.associate(associate_rq([(3, CT, [EXPLICIT])]))
        connection.send(p_data(pdv(3, WHOLE, store_command(uid))), p_data(pdv(3, 0, head)))
        for piece in blocks(size, block):
            sent.update(piece)
            connection.send(p_data(pdv(3, 0, piece)))
        connection.send(p_data(pdv(3, IS_LAST, b"")))
        connection.socket.settimeout(120)
        assert connection.status() == 0
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024  # KiB
    (path,) = listener.spool.waiting()
    kept = hashlib.blake2b()
    with path.open("rb") as file:
        file.seek(-(len(head) + size), os.SEEK_END)
        while piece := file.read(1 << 20):
            kept.update(piece)
    path.unlink()
    assert kept.digest() == sent.digest()
