"""Gantry stores to other implementations, plain and over TLS: every byte of the data set arrives (RELIABILITY I5)."""

import hashlib
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from pydicom import DataElement, Dataset, dcmread
from pydicom.encaps import generate_frames
from pydicom.uid import AllTransferSyntaxes
from pynetdicom import AE, AllStoragePresentationContexts, evt
from pynetdicom.presentation import build_context
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]

from dicomnet.scu.echo import echo
from dicomnet.scu.store import Outgoing, StoreAssociation
from dicomnet.tls import TlsFiles, client_context, server_context
from dicomnet.wire.peer import Peer, PeerError
from tests.conformance.instances import EVERY, UNCOMPRESSED, WITHOUT_PIXELS, write
from tests.conformance.programs import Tls, dcmjs_scp, running_orthanc, storescp
from tests.journeys.dcmtk import data_set_of
from tests.peers import LOOPBACK

pytestmark = [
    pytest.mark.peers,
    pytest.mark.usefixtures("dcmtk_installed", "dcmjs_installed"),
    pytest.mark.embedded,  # no database has a part in it
    # pynetdicom's reactor thread now and then ends with an InvalidEventError as its association ends.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning"),
]
SECURED = pytest.mark.parametrize("secured", [False, True], ids=["plain", "tls"])
Digests = Callable[[], Counter[str]]
# Port, and what it keeps: SHA-256 of each data set.
Receiver = Callable[[Path, Tls | None], AbstractContextManager[tuple[int, Digests]]]


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def dcmtk_receiver(*options: str) -> Receiver:
    @contextmanager
    def receive(folder: Path, tls: Tls | None) -> Iterator[tuple[int, Digests]]:
        with storescp(folder, *options, tls=tls) as port:
            yield port, lambda: Counter(sha256(data_set_of(path)) for path in folder.iterdir() if path.is_file())

    return receive


def dcmjs_receiver(maximum: int = 0) -> Receiver:
    @contextmanager
    def receive(folder: Path, tls: Tls | None) -> Iterator[tuple[int, Digests]]:
        with dcmjs_scp(folder, tls=tls, maximum=maximum) as port:
            yield port, lambda: Counter(sha256(path.read_bytes()) for path in folder.glob("*.bin"))

    return receive


def pynetdicom_receiver(maximum: int) -> Receiver:
    @contextmanager
    def receive(folder: Path, tls: Tls | None) -> Iterator[tuple[int, Digests]]:
        kept: list[str] = []

        def on_c_store(event: evt.Event) -> int:
            request: Any = event.request
            kept.append(sha256(request.DataSet.getvalue()))
            return 0

        classes = [*(str(cx.abstract_syntax) for cx in AllStoragePresentationContexts), Verification]
        ae = AE("PEER")
        ae.maximum_pdu_size = maximum
        server = ae.start_server(
            (LOOPBACK, 0),
            block=False,
            contexts=[build_context(name, list(AllTransferSyntaxes)) for name in classes],
            evt_handlers=[(evt.EVT_C_STORE, on_c_store)],
            ssl_context=server_context(tls.own.cert, tls.own.key, tls.ca.cert) if tls else None,
        )
        assert server is not None
        try:
            yield server.server_address[1], lambda: Counter(kept)
        finally:
            server.shutdown()
            server.server_close()

    return receive


RECEIVERS: dict[str, Receiver] = {
    "storescp": dcmtk_receiver(),
    "storescp, small PDUs": dcmtk_receiver("-pdu", "4096"),
    "storescp, large PDUs": dcmtk_receiver("-pdu", "131072"),
    "storescp, a process for each": dcmtk_receiver("--fork"),
    "pynetdicom": pynetdicom_receiver(16_382),
    "pynetdicom, small PDUs": pynetdicom_receiver(4_096),
    "pynetdicom, PDUs of 1 MiB": pynetdicom_receiver(1 << 20),
    "pynetdicom, unlimited PDUs": pynetdicom_receiver(0),
    "dcmjs-dimse": dcmjs_receiver(),
    "dcmjs-dimse, small PDUs": dcmjs_receiver(4_096),
    "dcmjs-dimse, large PDUs": dcmjs_receiver(131_072),
}
UNCOMPRESSED_ONLY = dcmtk_receiver("+x=")


def peer_at(port: int, tls: Tls | None) -> Peer:
    context = client_context(TlsFiles(tls.own.cert, tls.own.key, tls.ca.cert)) if tls else None
    return Peer("PEER", LOOPBACK, port, "GANTRY", tls=context)


def send(port: int, tls: Tls | None, files: list[Path]) -> list[int | None]:
    """Send all over one association, in the order of the files; the statuses."""
    instances = [Outgoing.from_file(path) for path in files]
    with StoreAssociation(peer_at(port, tls), [instance.context for instance in instances]) as assoc:
        return [assoc.send(instance).status for instance in instances]


def as_sent(path: Path) -> bytes:
    """A data set of odd length, which only a deflated stream may have, gets a zero byte (PS3.5 A.5)."""
    data = data_set_of(path)
    return data + b"\0" * (len(data) % 2)


@SECURED
@pytest.mark.parametrize("name", RECEIVERS)
def test_a_provider_gets_every_byte(tmp_path: Path, own_tls: Tls, peer_tls: Tls, name: str, secured: bool) -> None:
    files = write(tmp_path / "files", EVERY, copies=2)
    tls = own_tls if secured else None
    with RECEIVERS[name](tmp_path / "kept", peer_tls if secured else None) as (port, kept):
        outcome = echo(peer_at(port, tls))
        assert outcome.is_alive, outcome.words
        assert send(port, tls, files) == [0] * len(files)
        assert kept() == Counter(sha256(as_sent(path)) for path in files)


@SECURED
@pytest.mark.parametrize("name", ["storescp, a process for each", "pynetdicom", "dcmjs-dimse"])
def test_several_associations_at_once(tmp_path: Path, own_tls: Tls, peer_tls: Tls, name: str, secured: bool) -> None:
    files = write(tmp_path / "files", UNCOMPRESSED | WITHOUT_PIXELS, copies=8)
    tls, statuses = own_tls if secured else None, []
    with RECEIVERS[name](tmp_path / "kept", peer_tls if secured else None) as (port, kept):
        threads = [
            threading.Thread(target=lambda share: statuses.extend(send(port, tls, share)), args=(files[number::4],))
            for number in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert statuses == [0] * len(files)
        assert kept() == Counter(sha256(as_sent(path)) for path in files)


@SECURED
def test_orthanc_gets_every_instance(tmp_path: Path, own_tls: Tls, peer_tls: Tls, secured: bool) -> None:
    """It encodes what it keeps in its own way, so the elements are compared; the bytes are for those that keep them."""
    files = write(tmp_path / "files", EVERY, copies=2)
    tls = own_tls if secured else None
    with running_orthanc(tmp_path / "orthanc", tls=peer_tls, is_tls_listener=secured) as orthanc:
        outcome = echo(peer_at(orthanc.dicom_port, tls))
        assert outcome.is_alive, outcome.words
        assert send(orthanc.dicom_port, tls, files) == [0] * len(files)
        kept = {ds.SOPInstanceUID: ds for ds in map(as_read, orthanc.files())}
    assert kept == {ds.SOPInstanceUID: ds for ds in map(as_read, (path.read_bytes() for path in files))}


def as_read(content: bytes) -> Dataset:
    """Every element but lengths of groups and padding, whatever the lengths of sequences and fragments."""
    ds = dcmread(BytesIO(content))
    for tag in [element.tag for element in ds if element.tag.element == 0 or element.tag == 0xFFFCFFFC]:
        del ds[tag]
    if ds.file_meta.TransferSyntaxUID.is_encapsulated:
        frame = b"".join(generate_frames(ds.PixelData, number_of_frames=1))
        ds["PixelData"] = DataElement("PixelData", "OB", frame)
    return ds


def test_a_provider_over_tls_that_nobody_trusts_gets_nothing(tmp_path: Path, own_tls: Tls, peer_tls: Tls) -> None:
    files = write(tmp_path / "files", UNCOMPRESSED)
    with storescp(tmp_path / "kept", tls=peer_tls) as port:
        stranger = Peer("PEER", LOOPBACK, port, "GANTRY", tls=client_context(TlsFiles(None, None, None)))
        with pytest.raises(PeerError):
            StoreAssociation(stranger, [Outgoing.from_file(files[0]).context])
        with pytest.raises(PeerError):  # nor one that is called without TLS
            StoreAssociation(peer_at(port, None), [Outgoing.from_file(files[0]).context])
        assert send(port, own_tls, files) == [0] * len(files)


def test_a_provider_that_takes_fewer_transfer_syntaxes_gets_what_it_takes(tmp_path: Path) -> None:
    """Nothing is transcoded: what no context takes is not sent, and the rest is."""
    files = write(tmp_path / "files", EVERY)
    with UNCOMPRESSED_ONLY(tmp_path / "kept", None) as (port, digests):
        statuses = dict(zip([path.name for path in files], send(port, None, files), strict=True))
        kept = digests()
    taken = [path for path in files if statuses[path.name] == 0]
    assert {path.name.rpartition("-")[0] for path in taken} == {"explicit", "implicit", "big-endian", "a-plan"}
    assert {status for status in statuses.values() if status != 0} == {None}
    assert kept == Counter(sha256(as_sent(path)) for path in taken)
