"""Instances that come in as by the listener, and what must be true of the archive once they are indexed."""

from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage

from dicomnet.services import StoreRequest
from dicomnet.statuses import StoreStatus
from gateway.env import Environment
from studies.models import Instance, Series, Study
from studies.spool import Spool
from studies.storage import hot_storage
from tests.corpus import CT, EXPLICIT, encoded


def receive(spool: Spool, *, study: str = "1.1", series: str = "1.1.1", uid: str = "1.1.1.1", **more: Any) -> bytes:
    """Take one instance in as the listener does; returns its data set."""
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = CTImageStorage, uid
    ds.StudyInstanceUID, ds.SeriesInstanceUID = study, series
    ds.Modality = "CT"
    for keyword, value in more.items():
        setattr(ds, keyword, value)
    data = encoded(ds, EXPLICIT)
    sink = spool.open(StoreRequest(CT, uid, EXPLICIT, "CT1", "GANTRY", "10.1.2.3"))
    sink.write(data)
    assert sink.commit().status == StoreStatus.SUCCESS
    return data


def stored_files(home: Environment) -> list[Path]:
    return sorted(path for path in home.storage.rglob("*") if path.is_file())


def is_empty(spool: Spool) -> bool:
    return not list(spool.waiting())


def assert_whole(home: Environment, spool: Spool) -> None:
    """Each row has its file and each file its row; counters are right; nothing waits."""
    assert is_empty(spool)
    located = {Path(hot_storage().path(row.location)): row for row in Instance.objects.all()}
    assert sorted(located) == stored_files(home)
    for path, row in located.items():
        assert path.stat().st_size == row.size_bytes
        assert path.stat().st_nlink == 1
    for study in Study.objects.all():
        rows = Instance.objects.filter(series__study=study)
        assert study.number_of_study_related_instances == rows.filter(is_primary=True).count()
        assert study.number_of_study_related_series == study.series.count()
        assert study.size_bytes == sum(rows.values_list("size_bytes", flat=True))
    for series in Series.objects.all():
        assert series.number_of_series_related_instances == series.instances.filter(is_primary=True).count()
