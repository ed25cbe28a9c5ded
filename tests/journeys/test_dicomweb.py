"""DICOMweb of the running product: with a client that is not ours, and with bodies whose size would show in memory."""

import http.client
import io
import socket
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import psutil
import pytest
import requests
from dicomweb_client.api import DICOMwebClient
from pydicom import Dataset, dcmread
from pydicom.uid import UID

from dicomnet.part10 import file_meta_bytes
from tests.corpus import CT, EXPLICIT, data_set
from tests.journeys.product import Product, product, wait_until
from tests.studies.dicomweb.archive import sample

pytestmark = [pytest.mark.journey, pytest.mark.timeout(600)]
LARGE_BYTES = 300 << 20
MAXIMUM_GROWTH_BYTES = 60 << 20
_KEY = "from gateway.accounts.models import ApiKey;print(ApiKey.objects.create_key(name='web', scopes=['operator'])[1])"


@dataclass
class Running:
    product: Product
    key: str

    @property
    def client(self) -> DICOMwebClient:
        session = requests.Session()
        session.headers["Authorization"] = f"Api-Key {self.key}"
        return DICOMwebClient(f"http://127.0.0.1:{self.product.http_port}/dicom-web", session=session)

    def indexed(self, count: int) -> None:
        sql = "SELECT COUNT(*) FROM studies_instance"
        wait_until(lambda: self.product.count(sql) >= count, 60)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with product(tmp_path_factory.mktemp("dicomweb") / "home") as started:
        started.start()
        key = started.run("shell", "--no-imports", "-c", _KEY).stdout.strip().splitlines()[-1]
        yield Running(started, key)


def _series() -> list[Dataset]:
    found = []
    for number in range(1, 4):
        ds = dcmread(sample("CT_small.dcm"))
        ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = UID(f"1.2.3.77.{number}")
        found.append(ds)
    jpeg2000 = dcmread(sample("JPEG2000.dcm"))
    return [*found, jpeg2000]


def test_a_client_of_others_stores_and_retrieves(running: Running) -> None:
    client, sent = running.client, _series()

    answer = client.store_instances(sent)
    assert len(answer.ReferencedSOPSequence) == len(sent)
    running.indexed(len(sent))

    first = sent[0]
    series = (first.StudyInstanceUID, first.SeriesInstanceUID)
    back = client.retrieve_series(*series)
    assert [ds.SOPInstanceUID for ds in back] == [ds.SOPInstanceUID for ds in sent[:3]]
    assert all(np.array_equal(ds.pixel_array, first.pixel_array) for ds in back)
    metadata = [Dataset.from_json(each) for each in client.retrieve_series_metadata(*series)]
    assert [ds.PatientName for ds in metadata] == [first.PatientName] * 3
    (frame,) = client.retrieve_instance_frames(*series, first.SOPInstanceUID, [1])
    assert frame == first.PixelData
    pixels = client.retrieve_series_metadata(*series)[0]["7FE00010"]["BulkDataURI"]
    # This client names the host without its port, and so gets addresses without one.
    pixels = pixels.replace("//127.0.0.1/", f"//127.0.0.1:{running.product.http_port}/")
    assert client.retrieve_bulkdata(pixels) == [first.PixelData]

    compressed = sent[3]
    where = (compressed.StudyInstanceUID, compressed.SeriesInstanceUID, compressed.SOPInstanceUID)
    ds = client.retrieve_instance(*where, media_types=(("application/dicom", "*"),))
    assert ds.PixelData == compressed.PixelData
    (code_stream,) = client.retrieve_instance_frames(*where, [1], media_types=(("image/jp2", JPEG2000),))
    assert code_stream.startswith(b"\xff\x4f\xff\x51")
    picture = client.retrieve_instance_rendered(*where, media_types=("image/png",))
    assert picture.startswith(b"\x89PNG")


JPEG2000 = str(dcmread(sample("JPEG2000.dcm"), stop_before_pixels=True).file_meta.TransferSyntaxUID)


class _Body(io.RawIOBase):
    """A multipart body of one large instance, that is nowhere in memory."""

    def __init__(self, uid: str, size: int) -> None:
        meta = file_meta_bytes(sop_class_uid=CT, sop_instance_uid=uid, transfer_syntax_uid=EXPLICIT)
        head = data_set(sop_instance_uid=uid.encode())
        pixels = b"\xe0\x7f\x10\x00OW\0\0" + size.to_bytes(4, "little")
        self._head = b"--b\r\nContent-Type: application/dicom\r\n\r\n" + meta + head + pixels
        self._tail = b"\r\n--b--\r\n"
        self._size = size
        self.length = len(self._head) + size + len(self._tail)

    def pieces(self) -> Iterator[bytes]:
        yield self._head
        for start in range(0, self._size, 1 << 20):
            yield bytes(min(1 << 20, self._size - start))
        yield self._tail


def test_memory_stays_flat_while_a_large_instance_comes_and_goes(running: Running) -> None:
    body = _Body("1.2.3.88", LARGE_BYTES)
    workers = [each for each in running.product.processes("gunicorn") if each.children() == []]
    before = {each.pid: each.memory_info().rss for each in workers}
    peak = dict(before)

    def look() -> None:
        for each in workers:
            peak[each.pid] = max(peak[each.pid], _own(each))

    headers = {
        "Authorization": f"Api-Key {running.key}",
        "Content-Type": 'multipart/related; type="application/dicom"; boundary=b',
    }
    connection = http.client.HTTPConnection("127.0.0.1", running.product.http_port, timeout=120)
    connection.putrequest("POST", "/dicom-web/studies")
    for name, value in {**headers, "Content-Length": str(body.length)}.items():
        connection.putheader(name, value)
    connection.endheaders()
    for number, piece in enumerate(body.pieces()):
        connection.send(piece)
        if number % 32 == 0:
            look()
    answer = connection.getresponse()
    assert (answer.status, answer.read()[:1]) == (200, b"{")
    wait_until(
        lambda: running.product.count("SELECT COUNT(*) FROM studies_instance WHERE size_bytes > 100000000") == 1, 60
    )

    connection.request(
        "GET",
        "/dicom-web/studies/1.2.3.4",
        headers={
            "Authorization": headers["Authorization"],
            "Accept": 'multipart/related; type="application/dicom"; transfer-syntax=*',
        },
    )
    answer = connection.getresponse()
    received = 0
    while piece := answer.read(1 << 20):
        received += len(piece)
        if received % (32 << 20) < (1 << 20):
            look()
    connection.close()

    assert answer.status == 200
    assert received > LARGE_BYTES
    assert all(peak[pid] - before[pid] < MAXIMUM_GROWTH_BYTES for pid in before), (before, peak)


def _own(process: psutil.Process) -> int:
    """Memory of a process without the files that it has mapped, which the system takes back when it likes."""
    info = process.memory_info()
    return int(info.rss - info.shared) if hasattr(info, "shared") else int(info.rss)


def test_a_sender_that_lies_or_leaves_stores_nothing(running: Running) -> None:
    count = running.product.count("SELECT COUNT(*) FROM studies_instance")
    body = b"--b\r\nContent-Type: application/dicom\r\n\r\n" + b"x" * 1000
    head = (
        f"POST /dicom-web/studies HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Api-Key {running.key}\r\n"
        'Content-Type: multipart/related; type="application/dicom"; boundary=b\r\n'
    )

    with socket.create_connection(("127.0.0.1", running.product.http_port), 30) as caller:
        caller.sendall(f"{head}Content-Length: 100000\r\n\r\n".encode() + body)
        caller.shutdown(socket.SHUT_WR)
        answer = caller.recv(65536)
    assert answer.startswith((b"HTTP/1.1 400", b"HTTP/1.1 408"))
    with socket.create_connection(("127.0.0.1", running.product.http_port), 30) as caller:
        # Sent in chunks, without a length: as good as any.
        caller.sendall(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
        for piece in (body, b"\r\n--b--\r\n"):
            caller.sendall(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
        caller.sendall(b"0\r\n\r\n")
        answer = caller.recv(65536)
    assert answer.startswith(b"HTTP/1.1 409")
    assert running.product.count("SELECT COUNT(*) FROM studies_instance") == count
