"""Archives to ask, on loopback: one that speaks DIMSE, one that speaks DICOMweb, both with studies in memory."""

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from pydicom.datadict import dictionary_VR, keyword_for_tag, tag_for_keyword
from pydicom.dataset import Dataset
from pynetdicom import AE, evt
from pynetdicom.presentation import build_context
from pynetdicom.transport import ThreadedAssociationServer

from dicomnet.scu.find import PATIENT_ROOT, STUDY_ROOT
from spanner.question import matcher_of
from tests.http_peer import Reply, Request, http_peer
from tests.peers import LOOPBACK, serving

PENDING, SUCCESS = 0xFF00, 0x0000
Item = dict[str, str]


def study(number: int, patient: str = "P1", **values: str) -> Item:
    """A study as text by keyword."""
    return {
        "StudyInstanceUID": f"1.2.3.{number}",
        "PatientID": patient,
        "PatientName": f"Doe^{patient}",
        "StudyDate": "20260102",
        "ModalitiesInStudy": "CT",
    } | values


@dataclass
class MemoryArchive:
    """What an archive has, and what it was asked.

    Attributes:
        delay_seconds: before each answer.
        gate: while it is not set, nothing is answered.
        most: it gives so many matches at most, and does not say so; 0: all.
    """

    items: Sequence[Item] = ()
    delay_seconds: float = 0
    most: int = 0
    status: int = SUCCESS
    associations: int = 0
    asked: list[dict[str, str]] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.gate.set()

    def matching(self, wanted: dict[str, str]) -> list[Item]:
        """What matches these values by keyword."""
        self.asked.append(wanted)
        self.gate.wait(30)
        if self.delay_seconds:
            threading.Event().wait(self.delay_seconds)
        matchers = {keyword: matcher_of(_tag(keyword), value) for keyword, value in wanted.items() if value}
        found = [
            item
            for item in self.items
            if all(matcher.matches(item.get(keyword, "")) for keyword, matcher in matchers.items())
        ]
        return found[: self.most or None]

    def on_find(self, event: evt.Event) -> Iterator[tuple[int, Dataset | None]]:
        """Answer C-FIND."""
        asked = event.identifier
        wanted = {
            element.keyword: "\\".join(map(str, element.value)) if element.VM > 1 else str(element.value or "")
            for element in asked
            if element.keyword not in {"QueryRetrieveLevel", "SpecificCharacterSet"}
        }
        for item in self.matching(wanted):
            ds = Dataset()
            ds.QueryRetrieveLevel = asked.QueryRetrieveLevel
            if not "".join(item.values()).isascii():
                ds.SpecificCharacterSet = "ISO_IR 192"
            for keyword in wanted:
                if keyword in item:
                    setattr(ds, keyword, item[keyword])
            yield PENDING, ds
        if self.status:
            yield self.status, None

    def on_qido(self, request: Request) -> Reply:
        """Answer QIDO-RS."""
        parts = urlsplit(request.path)
        steps = parts.path.strip("/").split("/")
        pairs = parse_qsl(parts.query)
        limits = {name: int(value) for name, value in pairs if name in {"limit", "offset"}}
        wanted = {name: value for name, value in pairs if name not in {"limit", "offset", "includefield"}}
        wanted = {(keyword_for_tag(name) if name.isdecimal() else name): value for name, value in wanted.items()}
        for keyword, step in (("StudyInstanceUID", "studies"), ("SeriesInstanceUID", "series")):
            if step in steps[:-1]:
                wanted[keyword] = steps[steps.index(step) + 1]
        offset = limits.get("offset", 0)
        page = self.matching(wanted)[offset : offset + limits.get("limit", 1_000_000)]
        body = json.dumps([json_of(item) for item in page]).encode()
        return Reply(200, body, {"Content-Type": "application/dicom+json"})


@contextmanager
def dimse_archive(items: Sequence[Item] = (), **told: Any) -> Iterator[tuple[int, MemoryArchive]]:
    """An archive that answers C-FIND: its port and what it is."""
    found = MemoryArchive(items, **told)

    def accepted(_: evt.Event) -> None:
        found.associations += 1

    ae = AE(ae_title="PEER")
    handlers: list[Any] = [(evt.EVT_C_FIND, found.on_find), (evt.EVT_ACCEPTED, accepted)]
    contexts = [build_context(STUDY_ROOT), build_context(PATIENT_ROOT)]
    server = ae.make_server(
        (LOOPBACK, 0), contexts=contexts, evt_handlers=handlers, server_class=ThreadedAssociationServer
    )
    ae._servers.append(server)
    with serving(server) as port:
        yield port, found


@contextmanager
def dicomweb_archive(
    items: Sequence[Item] = (), answer: Callable[[Request], Reply] | None = None, **told: Any
) -> Iterator[tuple[str, MemoryArchive]]:
    """An archive that answers QIDO-RS: its root and what it is."""
    found = MemoryArchive(items, **told)
    with http_peer(answer or found.on_qido) as peer:
        yield f"{peer.url}/dicom-web", found


def _tag(keyword: str) -> int:
    tag = tag_for_keyword(keyword)
    assert tag is not None
    return tag


def json_of(item: Item) -> dict[str, Any]:
    """A study as an object of the DICOM JSON Model."""
    found = {}
    for keyword, value in item.items():
        vr = dictionary_VR(keyword)
        values: list[Any] = [{"Alphabetic": value}] if vr == "PN" else value.split("\\")
        found[f"{_tag(keyword):08X}"] = {"vr": vr, "Value": values}
    return found
