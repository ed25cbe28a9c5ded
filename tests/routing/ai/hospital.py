"""A small hospital around the real listener: a modality, AI nodes as processes, and the stages called in turn."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.utils import timezone
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

from dicomnet.lab.ai_result import make_result
from dicomnet.scu.store import Outgoing, StoreAssociation
from routing.ai.dispatch import dispatch_all
from routing.ai.gate import judge_waiting
from routing.ai.models import AIPool, AIRequest, AIResult, AIWorker
from routing.ai.queue import pass_on_overdue, take_back_expired_leases
from routing.ai.requests import request
from routing.models import Delivery, Destination, Priority, RuleVersion
from routing.plan import plan_all
from studies.index import index_spool
from studies.models import Instance, Study
from tests.factories import DestinationFactory, RuleFactory
from tests.peers import Listener, peer

MANAGE = Path(__file__).resolve().parents[3] / "manage.py"
END_SECONDS = 20
PATIENCE_SECONDS = 180
MODALITY = "CT_ROOM1"


@dataclass
class Node:
    """A simulated AI node."""

    process: subprocess.Popen[str]
    ae_title: str
    port: int

    def end(self) -> str:
        """Ask it to end; what it said."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        output, _ = self.process.communicate(timeout=END_SECONDS)
        return output


@contextmanager
def ai_node(home: Path, gateway_port: int, ae_title: str, *flags: str) -> Iterator[Node]:
    """The simulator as a process of its own, with a free port."""
    command = [sys.executable, str(MANAGE), "simulateaiworker", "--port", "0", "--ae-title", ae_title]
    command += ["--gateway-host", "127.0.0.1", "--gateway-port", str(gateway_port), "--quiet-ms", "200", *flags]
    environment = os.environ | {"GANTRY_HOME": str(home), "DJANGO_SETTINGS_MODULE": "gateway.settings.base"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None
    line = process.stdout.readline()
    try:
        yield Node(process, ae_title, int(line.split("127.0.0.1:")[1].split()[0]))
    finally:
        if process.poll() is None:
            process.terminate()
            process.communicate(timeout=END_SECONDS)
        process.stdout.close()


@dataclass
class Hospital:
    """What a test does with it."""

    listener: Listener
    folder: Path
    pacs: Destination = field(default_factory=lambda: DestinationFactory.create(name="PACS"))

    def study(self, count: int = 2, *, patient_id: str = "P1", **attributes: str) -> Study:
        """A study as a modality sends it, indexed and planned."""
        study_uid, series_uid = generate_uid(), generate_uid()
        for number in range(count):
            ds = Dataset()
            ds.SOPClassUID, ds.SOPInstanceUID = CTImageStorage, generate_uid()
            ds.StudyInstanceUID, ds.SeriesInstanceUID = study_uid, series_uid
            ds.PatientID, ds.PatientName, ds.Modality = patient_id, "ZZCANARY^AI", "CT"
            ds.InstanceNumber = number + 1
            ds.PixelData = os.urandom(512)
            ds["PixelData"].VR = "OW"
            for keyword, value in attributes.items():
                setattr(ds, keyword, value)
            self.send(ds, MODALITY)
        self.take_in()
        return Study.objects.get(study_instance_uid=study_uid)

    def send(self, ds: Dataset, calling: str) -> int | None:
        """C-STORE a data set under an AE title; the status."""
        ds.file_meta = FileMetaDataset()
        ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        path = self.folder / f"{generate_uid()}.dcm"
        ds.save_as(path, enforce_file_format=True)
        outgoing = Outgoing.from_file(path)
        with StoreAssociation(peer(self.listener.port, "GANTRY", calling=calling), [outgoing.context]) as assoc:
            return assoc.send(outgoing).status

    def take_in(self) -> None:
        """Index what came, show it to the rules, and judge what AI nodes sent."""
        index_spool(self.listener.spool)
        plan_all()
        judge_waiting()

    def turn(self) -> None:
        """Every stage once, as the sweep does."""
        self.take_in()
        take_back_expired_leases()
        pass_on_overdue()
        dispatch_all()

    def until(self, is_true: Callable[[], bool]) -> None:
        """Turn until something comes true."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not is_true():
            self.turn()
            assert time.monotonic() < deadline, (list(AIRequest.objects.values()), list(AIResult.objects.values()))
            time.sleep(0.1)

    def pool(self, *workers: tuple[str, int], timeout_seconds: int = 300, **fields: Any) -> AIPool:
        """A pool whose results go to the PACS, with a worker for each (AE title, port)."""
        pool: AIPool = AIPool.objects.create(name=f"Pool {AIPool.objects.count()}", **fields)
        pool.result_destinations.add(self.pacs)
        for title, port in workers:
            AIWorker.objects.create(
                pool=pool, name=title, ae_title=title, host="127.0.0.1", port=port, timeout_seconds=timeout_seconds
            )
        return pool

    def ask(self, pool: AIPool, study: Study, version: RuleVersion | None = None) -> AIRequest:
        """A request about all instances of a study."""
        Instance.objects.update(planned_at=timezone.now())  # or the request waits for them
        instances = Instance.objects.filter(series__study=study).values_list("pk", flat=True)
        version = version or RuleFactory.create(to=[]).versions.get()
        (made,) = request(pool, version=version, instances_of={study.pk: list(instances)}, priority=Priority.ROUTINE)
        return made

    def result(self, study: Study, kind: str = "sr") -> Dataset:
        """A good result about a study."""
        sources = []
        for instance in Instance.objects.filter(series__study=study, calling_ae_title=MODALITY):
            ds = Dataset()
            ds.SOPClassUID, ds.SOPInstanceUID = instance.sop_class_uid, instance.sop_instance_uid
            ds.StudyInstanceUID, ds.SeriesInstanceUID = study.study_instance_uid, instance.series.series_instance_uid
            ds.PatientID = study.patient_id
            sources.append(ds)
        return make_result(sources, kind)

    def results(self) -> list[tuple[str, str]]:
        """Verdict and reason of each, in the order of their coming."""
        return [(result.verdict, result.reason) for result in AIResult.objects.order_by("pk")]

    def delivered_to_pacs(self) -> list[str]:
        """SOP Classes of what is on its way to the PACS."""
        rows = Delivery.objects.filter(destination=self.pacs).order_by("pk")
        return list(rows.values_list("instance__sop_class_uid", flat=True))
