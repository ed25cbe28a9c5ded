"""From the spool to the index: one row and one file per content, whatever is repeated, broken off or broken."""

import logging
import math
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import DataError, IntegrityError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage

from dicomnet.services import StoreRequest
from gateway.audit.models import Chain
from gateway.env import Environment
from studies import index, rows
from studies.arrival import read_arrival
from studies.index import index_spool
from studies.models import Conflict, IdentityClash, Instance, Series, Study
from studies.rows import modalities_column
from studies.spool import Spool
from studies.stability import complete_quiet
from studies.storage import hot_storage, location_for
from studies.ulid import new_ulid
from tests.corpus import CT, EXPLICIT, data_set_bytes, encoded
from tests.studies.receiving import assert_whole, receive, stored_files

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _no_broker(bells: list[int]) -> None:
    """Nobody rings the real bell."""


def test_two_studies_of_one_batch_are_indexed(home: Environment, spool: Spool, bells: list[int]) -> None:
    sent = [
        receive(spool, study="1.1", series="1.1.1", uid="1.1.1.1", PatientID="P1", Rows=512, InstanceNumber=3),
        receive(spool, study="1.1", series="1.1.1", uid="1.1.1.2", PatientID="P1"),
        receive(spool, study="1.1", series="1.1.2", uid="1.1.2.1", Modality="SR"),
        receive(spool, study="1.2", series="1.2.1", uid="1.2.1.1", PatientID="P2", PatientName="Doe^Jane"),
    ]
    assert index_spool(spool) is False
    assert_whole(home, spool)
    one, two = Study.objects.order_by("study_instance_uid")
    assert (one.patient_id, one.modalities_in_study, one.calling_ae_title) == ("P1", "\\CT\\SR\\", "CT1")
    assert (one.number_of_study_related_series, one.number_of_study_related_instances) == (2, 3)
    assert (two.patient_name, two.number_of_study_related_instances) == ("Doe^Jane", 1)
    row = Instance.objects.get(sop_instance_uid="1.1.1.1")
    assert (row.rows, row.instance_number, row.sop_class_uid, row.source_address) == (512, "3", CT, "10.1.2.3")
    assert data_set_bytes(Path(hot_storage().path(row.location))) == sent[0]
    assert row.planned_at is None
    assert bells == [4]


def test_an_empty_spool_rings_no_bell(spool: Spool, bells: list[int]) -> None:
    assert index_spool(spool) is False
    assert bells == []


@pytest.mark.parametrize("in_one_batch", [True, False])
def test_the_same_bytes_twice_are_one_instance(
    home: Environment, spool: Spool, bells: list[int], in_one_batch: bool
) -> None:
    receive(spool)
    if not in_one_batch:
        index_spool(spool)
    receive(spool)
    index_spool(spool)
    assert Instance.objects.count() == 1
    assert Conflict.objects.count() == 0
    assert_whole(home, spool)
    assert bells == [1]


@pytest.mark.parametrize("in_one_batch", [True, False])
def test_the_same_uid_with_other_bytes_is_kept_and_told(
    home: Environment, spool: Spool, caplog: pytest.LogCaptureFixture, in_one_batch: bool
) -> None:
    first = receive(spool, PatientID="P1")
    if not in_one_batch:
        index_spool(spool)
    second = receive(spool, PatientID="P2")
    index_spool(spool)
    primary, other = Instance.objects.order_by("pk")
    assert (primary.is_primary, other.is_primary) == (True, False)
    contents = [data_set_bytes(Path(hot_storage().path(row.location))) for row in (primary, other)]
    assert contents == [first, second]
    conflict = Conflict.objects.get()
    assert (conflict.instance, conflict.other) == (primary, other)
    assert Study.objects.get().patient_id == "P1"
    assert "both kept" in caplog.text
    assert_whole(home, spool)


def test_three_contents_of_one_uid_sent_again_and_again(home: Environment, spool: Spool) -> None:
    for _ in range(3):
        for number in range(3):
            receive(spool, InstanceNumber=number)
        index_spool(spool)
    assert Instance.objects.filter(is_primary=True).count() == 1
    assert Instance.objects.count() == 3
    assert Conflict.objects.count() == 2
    assert_whole(home, spool)


def test_one_uid_in_two_studies_is_a_conflict(home: Environment, spool: Spool) -> None:
    receive(spool, study="1.1")
    receive(spool, study="1.2", series="1.2.1")
    index_spool(spool)
    assert Conflict.objects.count() == 1
    assert Study.objects.get(study_instance_uid="1.2").number_of_study_related_instances == 0
    assert_whole(home, spool)


def test_one_series_uid_in_two_studies_is_two_series(home: Environment, spool: Spool) -> None:
    receive(spool, study="1.1", series="9.9", uid="1.1.1")
    receive(spool, study="1.2", series="9.9", uid="1.2.1")
    index_spool(spool)
    assert Series.objects.count() == 2
    assert_whole(home, spool)


class Crash(BaseException):
    """The process ends here."""


STEPS: dict[str, tuple[str, int]] = {
    "before anything": ("studies.index.read_arrival", 0),
    "between two reads": ("studies.index.read_arrival", 1),
    "before the first link": ("studies.storage.HotStorage.adopt", 0),
    "between two links": ("studies.storage.HotStorage.adopt", 1),
    "before the folder's sync": ("studies.storage.HotStorage.sync", 0),
    "before the transaction": ("studies.index.insert", 0),
    "within the transaction": ("studies.rows._upsert_series", 0),
    "before the conflicts": ("studies.rows._record_conflicts", 0),
    "before the counters": ("studies.rows._count_in_studies", 0),
    "before the first unlink": ("pathlib.Path.unlink", 0),
    "between two unlinks": ("pathlib.Path.unlink", 1),
    "before the clashes": ("studies.rows.record_clashes", 0),
}


def crash_after(calls: int, real: Callable[..., Any]) -> Callable[..., Any]:
    left = [calls]

    def step(*args: Any, **kwargs: Any) -> Any:
        if left[0] == 0:
            raise Crash
        left[0] -= 1
        return real(*args, **kwargs)

    return step


@pytest.mark.parametrize("step", STEPS)
def test_after_a_crash_at_any_step_each_is_one_row_and_one_file(
    home: Environment, spool: Spool, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    receive(spool, uid="1.1.1.1", PatientID="P1")
    receive(spool, uid="1.1.1.2")
    receive(spool, uid="1.1.1.2", PatientID="P2")
    name, calls = STEPS[step]
    with monkeypatch.context() as broken:
        module, _, attribute = name.rpartition(".")
        owner: Any = {
            "studies.index": index,
            "studies.rows": rows,
            "pathlib.Path": Path,
            "studies.storage.HotStorage": type(hot_storage()),
        }[module]
        broken.setattr(owner, attribute, crash_after(calls, getattr(owner, attribute)))
        with pytest.raises(Crash):
            index_spool(spool)
    index_spool(spool)
    assert Instance.objects.count() == 3
    assert Conflict.objects.count() == 1
    assert IdentityClash.objects.get().number_of_instances == 1
    assert_whole(home, spool)


def test_a_place_that_another_host_made_useless_is_given_back(
    home: Environment, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    other_host = Spool(home.home / "spool-b", 100)
    other_host.prepare()
    receive(spool)
    receive(other_host)
    with monkeypatch.context() as broken:
        broken.setattr(index, "insert", crash_after(0, rows.insert))
        with pytest.raises(Crash):
            index_spool(spool)
    assert len(stored_files(home)) == 1
    index_spool(other_host)
    index_spool(spool)
    assert Instance.objects.count() == 1
    assert_whole(home, spool)


def test_an_instance_whose_file_was_lost_is_whole_when_it_comes_again(home: Environment, spool: Spool) -> None:
    receive(spool)
    index_spool(spool)
    stored_files(home)[0].unlink()
    sent = receive(spool)
    index_spool(spool)
    instance = Instance.objects.get()
    path = Path(hot_storage().path(instance.location))
    assert path.read_bytes()[instance.data_set_offset :] == sent
    assert_whole(home, spool)


def test_what_the_first_left_empty_comes_from_a_later_one(home: Environment, spool: Spool) -> None:
    receive(spool, uid="1.1.1.1", PatientID="P1")
    receive(spool, uid="1.1.1.2", PatientName="Doe^Jane", StationName="CT1")
    index_spool(spool)
    receive(spool, uid="1.1.1.3", PatientID="P9", StudyDescription="Thorax", StationName="CT2")
    index_spool(spool)
    study = Study.objects.get()
    assert (study.patient_id, study.patient_name, study.study_description) == ("P1", "Doe^Jane", "Thorax")
    assert Series.objects.get().station_name == "CT1"


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_values_that_are_too_long_are_cut_in_the_index_only(home: Environment, spool: Spool) -> None:
    sent = receive(spool, PatientID="x" * 5000, PatientName="y" * 5000, StationName="z" * 300, Modality="M" * 40)
    index_spool(spool)
    study = Study.objects.get()
    assert (len(study.patient_id), len(study.patient_name)) == (64, 324)
    assert len(Series.objects.get().station_name) == 16
    assert data_set_bytes(stored_files(home)[0]) == sent


@pytest.mark.parametrize("value", ["99999999999", "-1", "1e3", "x", ""])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_number_that_is_none_is_left_out(home: Environment, spool: Spool, value: str) -> None:
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = CTImageStorage, "1.1.1.1"
    ds.StudyInstanceUID, ds.SeriesInstanceUID = "1.1", "1.1.1"
    data = encoded(ds, EXPLICIT)
    text = value.encode() + b" " * (len(value) % 2)
    data += b"\x28\0\x08\0IS" + len(text).to_bytes(2, "little") + text
    sink = spool.open(StoreRequest(CT, "1.1.1.1", EXPLICIT, "CT1", "GANTRY", "10.1.2.3"))
    sink.write(data)
    sink.commit()
    index_spool(spool)
    assert Instance.objects.get().number_of_frames is None


def test_a_study_of_very_many_modalities_shows_as_many_as_fit(home: Environment, spool: Spool) -> None:
    for number in range(40):
        receive(spool, series=f"1.1.{number}", uid=f"1.1.{number}.1", Modality=f"MODALITY{number:08d}")
    index_spool(spool)
    assert len(Study.objects.get().modalities_in_study) <= 255
    assert_whole(home, spool)


def test_the_column_of_modalities() -> None:
    assert modalities_column([]) == ""
    assert modalities_column(["", "SR", "CT", "CT"]) == "\\CT\\SR\\"
    assert modalities_column([f"{number:016d}" for number in range(15)]).count("\\") == 15
    assert modalities_column([f"{number:016d}" for number in range(14)]).count("\\") == 15


def test_a_late_instance_opens_a_completed_study_again(home: Environment, spool: Spool) -> None:
    receive(spool, uid="1.1.1.1")
    index_spool(spool)
    for model in (Study, Series):
        model.objects.update(last_received_at=timezone.now() - timedelta(seconds=61), decided_at=timezone.now())
    assert complete_quiet(60) == 2
    assert complete_quiet(60) == 0
    assert Study.objects.get().completed_at is not None
    receive(spool, uid="1.1.1.1")  # the same again adds nothing, so it stays complete
    index_spool(spool)
    assert Study.objects.get().completed_at is not None
    receive(spool, uid="1.1.1.2")
    index_spool(spool)
    study = Study.objects.get()
    assert study.completed_at is study.decided_at is None
    series = Series.objects.get()
    assert series.completed_at is series.decided_at is None
    assert series.last_received_at == study.last_received_at
    assert complete_quiet(60) == 0
    assert study.last_received_at > timezone.now() - timedelta(seconds=30)


def test_a_file_that_cannot_be_read_is_set_aside(
    home: Environment, spool: Spool, caplog: pytest.LogCaptureFixture
) -> None:
    receive(spool, uid="1.1.1.1")
    receive(spool, uid="1.1.1.2")
    damaged = next(spool.waiting())
    damaged.write_bytes(b"damage")
    assert index_spool(spool) is False
    assert [path.name for path in (spool.root / "odd").iterdir()] == [damaged.name]
    assert Instance.objects.count() == 1
    assert damaged.name in caplog.text or any(vars(record).get("file") == damaged.name for record in caplog.records)
    assert_whole(home, spool)


def test_a_file_that_the_disk_does_not_give_stays_and_stops_nobody(
    home: Environment, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        receive(spool, uid=f"1.1.1.{number}")
    bad = next(spool.waiting())
    real = read_arrival

    def read(path: Path) -> Any:
        if path == bad:
            raise OSError(5, "Input/output error")
        return real(path)

    with monkeypatch.context() as broken:
        broken.setattr(index, "read_arrival", read)
        assert index_spool(spool) is False
    assert Instance.objects.count() == 2
    assert list(spool.waiting()) == [bad]
    index_spool(spool)
    assert Instance.objects.count() == 3
    assert_whole(home, spool)


@pytest.mark.parametrize("error", [DataError, IntegrityError])
def test_one_file_that_the_database_refuses_stops_nobody(
    home: Environment, spool: Spool, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    for number in range(4):
        receive(spool, uid=f"1.1.1.{number}")
    bad = list(spool.waiting())[2]
    real = rows._count_in_studies

    def count(rows: list[dict[str, Any]], *args: Any) -> None:
        if any(row["location"].endswith(bad.name) for row in rows):
            raise error("value too long")
        real(rows, *args)

    with monkeypatch.context() as broken:
        broken.setattr(rows, "_count_in_studies", count)
        assert index_spool(spool) is False
    assert Instance.objects.count() == 3
    if error is DataError:
        assert [path.name for path in (spool.root / "odd").iterdir()] == [bad.name]
    else:
        assert list(spool.waiting()) == [bad]
        index_spool(spool)
        assert Instance.objects.count() == 4


def test_more_than_one_batch_is_indexed(home: Environment, spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "BATCH", 3)
    monkeypatch.setattr(index, "LOOK_AHEAD", 7)
    for number in range(16):
        receive(spool, uid=f"1.1.1.{number}")
    assert index_spool(spool) is False
    assert Instance.objects.count() == 16
    assert_whole(home, spool)


@pytest.mark.parametrize("is_known", [False, True], ids=["new studies", "known studies"])
def test_a_large_batch_takes_as_many_queries_as_a_small_one(
    home: Environment, spool: Spool, monkeypatch: pytest.MonkeyPatch, is_known: bool
) -> None:
    monkeypatch.setattr(index, "BATCH", 500)

    def queries_of(name: int, count: int) -> int:
        for turn in range(2 if is_known else 1):
            for number in range(count):
                study = f"1.{name}.{number % (count // 3)}"
                uid = f"{study}.{turn}.{number}"
                # Same UID and other bytes in the batch too, and a blank that a later instance fills.
                more = {"StudyDescription": "Thorax"} if number > count // 2 else {}
                receive(spool, study=study, series=f"{study}.{number % 2}", uid=uid, InstanceNumber=1, **more)
                receive(spool, study=study, series=f"{study}.{number % 2}", uid=uid, InstanceNumber=2, **more)
            with CaptureQueriesContext(connection) as captured:
                index_spool(spool)
        return len(captured)

    Chain.objects.create()  # which else the first batch makes
    assert queries_of(1, 6) == queries_of(2, 60)
    assert_whole(home, spool)


def test_an_instance_that_comes_while_the_indexer_lingers_waits_for_no_message(
    home: Environment, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = iter(["1.1.1.2", "1.1.1.3"])

    def sleep(seconds: float) -> None:
        uid = next(late, None)
        if uid:
            receive(spool, uid=uid)
        else:
            monkeypatch.setattr("studies.index.time.monotonic", lambda: math.inf)

    receive(spool, uid="1.1.1.1")
    monkeypatch.setattr("studies.index.time.sleep", sleep)
    assert index_spool(spool, seconds=600, linger_seconds=60) is False
    assert Instance.objects.count() == 3
    assert_whole(home, spool)


def test_of_a_flood_the_next_stage_is_told_first_and_last(
    spool: Spool, bells: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index, "BATCH", 2)
    monkeypatch.setattr(index, "BELL_SECONDS", 600)
    for number in range(7):
        receive(spool, uid=f"1.1.1.{number}")
    index_spool(spool, seconds=600)
    assert bells == [2, 7]


def test_a_hot_folder_that_was_removed_is_made_and_synced_again(
    home: Environment, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[Path] = []
    monkeypatch.setattr("studies.storage.sync_folder", synced.append)
    monkeypatch.setattr("studies.ulid.time.time_ns", lambda: 1_800_000_000 * 10**9)  # all in one folder
    leaf = home.storage / Path(location_for(new_ulid())).parent
    receive(spool, uid="1.1.1.1")
    index_spool(spool)
    assert synced == [leaf, leaf.parent, home.storage]
    receive(spool, uid="1.1.1.2")
    index_spool(spool)
    assert synced[3:] == [leaf]
    for path in stored_files(home):
        path.unlink()
    leaf.rmdir()
    receive(spool, uid="1.1.1.3")
    index_spool(spool)
    assert synced[4:] == [leaf, leaf.parent, home.storage]


def test_after_its_time_the_rest_is_left(home: Environment, spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "BATCH", 1)
    receive(spool, uid="1.1.1.1")
    receive(spool, uid="1.1.1.2")
    assert index_spool(spool, seconds=0) is True
    assert Instance.objects.count() == 1


def test_only_one_process_of_a_host_indexes(spool: Spool) -> None:
    receive(spool)
    with index._only_one(spool) as is_ours:
        assert is_ours
        assert index_spool(spool) is False
        assert Instance.objects.count() == 0
    index_spool(spool)
    assert Instance.objects.count() == 1


def test_a_hot_store_on_another_disk_gets_a_copy(
    home: Environment, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = receive(spool)

    def other_disk(*args: object, **kwargs: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", other_disk)
    index_spool(spool)
    assert_whole(home, spool)
    assert data_set_bytes(stored_files(home)[0]) == sent


def test_the_log_holds_no_patient(spool: Spool, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    receive(spool, PatientName="Doe^Jane", PatientID="PAT4711")
    index_spool(spool)
    logged = caplog.text + "".join(str(vars(record)) for record in caplog.records if record.name.startswith("studies"))
    assert "indexed" in logged
    assert "Doe^Jane" not in logged
    assert "PAT4711" not in logged
