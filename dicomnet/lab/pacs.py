"""A simulated PACS for the lab: it stores what it is sent as it came, answers C-ECHO and C-FIND, and commits.

It is made to be a peer of a gateway under test, with delays and refusals on demand; it is not an archive.
"""

import hashlib
import random
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from threading import Lock
from typing import Any

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pynetdicom import AE, _config, evt
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    StudyRootQueryRetrieveInformationModelFind,
    Verification,
)

from dicomnet.commitment import PUSH_MODEL
from dicomnet.lab.pacs_commitment import Commits, Reporter
from dicomnet.lab.pacs_index import INDEXED, LEVELS, Index
from dicomnet.statuses import is_stored

_PLAIN_UID = re.compile(r"[0-9.]{1,64}")
_UNREADABLE = (InvalidDicomError, AttributeError, KeyError, NotImplementedError, OSError, ValueError)
OUT_OF_RESOURCES = 0xA700
IDENTIFIER_DOES_NOT_MATCH = 0xA900
FIND_PENDING, FIND_CANCELLED = 0xFF00, 0xFE00
MAXIMUM_ASSOCIATIONS = 100


@dataclass(frozen=True)
class Behaviour:
    """How the simulated PACS treats its peers.

    Attributes:
        failure_rate: share of C-STORE requests, 0 to 1, that get ``status`` in place of success.
        drop_percent: share of those answered with success that are not kept all the same.
        levels: of C-FIND that it answers; none: the service is not offered.
        report_after_ms: how long a report on storage commitment takes.
        gateway: host and port that such a report is sent to when the association has ended.
        seed: which requests are refused or dropped follows from it.
    """

    delay_ms: int = 0
    failure_rate: float = 0.0
    status: int = 0xA700
    rejects_associations: bool = False
    drop_percent: float = 0.0
    levels: tuple[str, ...] = LEVELS
    commits: Commits = Commits.NO
    report_after_ms: int = 0
    gateway: tuple[str, int] = ("127.0.0.1", 11112)
    seed: int = 0


@dataclass
class _Visit:
    """One association, for the line that is printed when it ends."""

    calling_ae_title: str
    began: float = field(default_factory=time.monotonic)
    services: Counter[str] = field(default_factory=Counter)


class LabPacs:
    """The simulated PACS; ``start`` listens, ``stop`` ends all associations.

    Attributes:
        port: on which it listens, once it does.
    """

    def __init__(
        self, *, ae_title: str, folder: Path, behaviour: Behaviour, say: Callable[[str], None] = print
    ) -> None:
        self.ae_title = ae_title
        self.folder = folder
        self.behaviour = behaviour
        self.index = Index()
        self.port = 0
        self._say = say
        self._random = random.Random(behaviour.seed)
        self._drops = random.Random(behaviour.seed + 1)  # apart, so that a flag changes nothing of the other's
        self._lock = Lock()
        self._visits: dict[int, _Visit] = {}
        self._ae = AE(ae_title=ae_title)

    def start(self, host: str, port: int) -> int:
        """Listen in threads of their own; port 0 takes a free one, and the port taken is returned.

        Raises:
            OSError: the folder cannot be written, or the port is taken.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        self._index_folder()
        # pynetdicom keeps this for the whole process: any proposed storage-like SOP Class, private ones too.
        _config.UNRESTRICTED_STORAGE_SERVICE = True
        ae = AE(ae_title=self.ae_title)
        ae.add_supported_context(Verification)
        if self.behaviour.levels:
            ae.add_supported_context(StudyRootQueryRetrieveInformationModelFind)
        if self.behaviour.commits != Commits.NO:
            ae.add_supported_context(PUSH_MODEL)
        ae.maximum_associations = MAXIMUM_ASSOCIATIONS
        if self.behaviour.rejects_associations:
            # The setter raises 0 to 1; with 0 each association is rejected for now, local limit exceeded.
            ae._maximum_associations = 0
        self._ae = ae
        server: Any = ae.start_server(
            (host, port),
            block=False,
            evt_handlers=[
                (evt.EVT_C_ECHO, self._on_echo),
                (evt.EVT_C_STORE, self._on_store),
                (evt.EVT_C_FIND, self._on_find),
                (evt.EVT_N_ACTION, self._on_action),
                (evt.EVT_ACCEPTED, self._on_accepted),
                (evt.EVT_REJECTED, self._on_rejected),
                (evt.EVT_RELEASED, self._on_end, ["released"]),
                (evt.EVT_ABORTED, self._on_end, ["aborted"]),
                (evt.EVT_CONN_CLOSE, self._on_end, ["connection closed"]),
            ],
        )
        self.port = server.server_address[1]
        return self.port

    def stop(self) -> None:
        """Abort what is open and stop listening."""
        self._ae.shutdown()  # an association that stays open would keep the process alive

    def _index_folder(self) -> None:
        for path in self.folder.glob("*.dcm"):
            try:
                self.index.add(dcmread(path, specific_tags=list(INDEXED), stop_before_pixels=True))
            except _UNREADABLE as error:
                self._say(f"{path.name} in the folder is not indexed: {error}")

    def _on_echo(self, event: evt.Event) -> int:
        self._count(event, "C-ECHO")
        return 0x0000

    def _on_store(self, event: evt.Event) -> int:
        time.sleep(self.behaviour.delay_ms / 1000)
        status, is_dropped = self._store_status()
        if is_stored(status) and not is_dropped:
            try:
                self._keep(event)
            except OSError as error:
                self._say(f"an instance cannot be written: {error.strerror}")
                status = OUT_OF_RESOURCES
        self._count(event, f"C-STORE 0x{status:04X}" + (" dropped" if is_dropped and is_stored(status) else ""))
        return status

    def _store_status(self) -> tuple[int, bool]:
        """What to answer, and whether it is to be a lie."""
        with self._lock:
            is_chosen = self._random.random() < self.behaviour.failure_rate
            is_dropped = self._drops.random() * 100 < self.behaviour.drop_percent
        return self.behaviour.status if is_chosen else 0x0000, is_dropped

    def _on_action(self, event: evt.Event) -> tuple[int, Dataset | None]:
        self._count(event, "N-ACTION")
        reporter = Reporter(
            ae_title=self.ae_title,
            commits=self.behaviour.commits,
            gateway=self.behaviour.gateway,
            after_ms=self.behaviour.report_after_ms,
            holds=self.index.holds,
            say=self._say,
        )
        return reporter.on_action(event)

    def _keep(self, event: evt.Event) -> None:
        """Write Part 10 with the data set bytes as received; what cannot be read is kept and not found by C-FIND."""
        part10: bytes = event.encoded_dataset()
        request: Any = event.request  # a union of all requests to the type checker; here it is a C_STORE
        sop_instance_uid = str(request.AffectedSOPInstanceUID)
        is_plain = _PLAIN_UID.fullmatch(sop_instance_uid)
        # A name that comes over the network never becomes a path unless it is digits and dots alone.
        name = sop_instance_uid if is_plain else hashlib.sha256(sop_instance_uid.encode()).hexdigest()
        part = self.folder / f".{name}.{event.assoc.native_id}"
        part.write_bytes(part10)
        target = self.folder / f"{name}.dcm"
        if target.exists() and target.read_bytes() != part10:
            # Whoever tests a gateway wants to see both contents that came under one UID.
            target = self.folder / f"{name}-{hashlib.sha256(part10).hexdigest()[:8]}.dcm"
        part.replace(target)
        try:
            self.index.add(dcmread(BytesIO(part10), specific_tags=list(INDEXED), stop_before_pixels=True))
        except _UNREADABLE as error:
            self._say(f"{target.name} is kept, but not indexed: {error}")

    def _on_find(self, event: evt.Event) -> Iterator[tuple[int, Dataset | None]]:
        self._count(event, "C-FIND")
        identifier = event.identifier
        if identifier.get("QueryRetrieveLevel") not in self.behaviour.levels or self.index.lacks_key(identifier):
            yield IDENTIFIER_DOES_NOT_MATCH, None
            return
        for response in self.index.find(identifier):
            if event.is_cancelled:
                yield FIND_CANCELLED, None
                return
            yield FIND_PENDING, response

    def _on_accepted(self, event: evt.Event) -> None:
        with self._lock:
            self._visits[id(event.assoc)] = _Visit(str(event.assoc.requestor.ae_title))

    def _on_rejected(self, event: evt.Event) -> None:
        self._say(f"{event.assoc.requestor.ae_title}: association rejected")

    def _count(self, event: evt.Event, service: str) -> None:
        with self._lock:
            self._visits[id(event.assoc)].services[service] += 1

    def _on_end(self, event: evt.Event, how: str) -> None:
        """Say what the association was; release, abort and closing may each report the same end."""
        with self._lock:
            visit = self._visits.pop(id(event.assoc), None)
        if visit is None:
            return
        seconds = time.monotonic() - visit.began
        done = ", ".join(f"{count} {service}" for service, count in sorted(visit.services.items())) or "nothing asked"
        studies, instances = self.index.counts()
        holds = f"holds {instances} instances of {studies} studies"
        self._say(f"{visit.calling_ae_title}: {done} in {seconds:.1f} s, {how}; {holds}")
