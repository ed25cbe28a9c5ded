"""Deleting: by administrators, on record, rows first and files after; never what was delivered."""

from pathlib import Path

import pytest

from gateway.env import Environment
from studies.changes.models import Change
from studies.commitments.models import CommitmentItem, CommitmentState
from studies.deletions.models import DeletedFile, Deletion
from studies.deletions.sweep import remove_deleted_files
from studies.models import Instance, Series, Study, StudyLabel
from studies.spool import Spool
from tests.api_clients import client_of
from tests.factories import CommitmentFactory, DeliveryFactory
from tests.studies.dicomweb.archive import ROOT, address, series_address, small_series
from tests.studies.receiving import assert_whole, receive, stored_files

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("bells")]


@pytest.mark.parametrize(("role", "status"), [(None, 401), ("viewer", 403), ("operator", 403)])
def test_only_administrators_delete(spool: Spool, tmp_path: Path, role: str | None, status: int) -> None:
    (row,) = small_series(spool, tmp_path, 1)
    assert client_of(role).delete(address(row)).status_code == status
    assert Instance.objects.count() == 1


def test_an_instance_goes_and_the_counters_stay_right(spool: Spool, home: Environment, tmp_path: Path) -> None:
    row, *_ = small_series(spool, tmp_path, 3)
    client = client_of("administrator")
    client.get(series_address(row, "/metadata"))

    assert client.delete(address(row)).status_code == 204

    assert len(stored_files(home)) == 3
    assert client.get(address(row, "/metadata")).status_code == 404
    assert remove_deleted_files() == 1
    assert_whole(home, spool)
    assert not DeletedFile.objects.exists()
    deletion = Deletion.objects.get()
    assert (deletion.number_of_instances, deletion.sop_instance_uid) == (1, row.sop_instance_uid)
    assert deletion.done_at is not None
    last = Change.objects.latest("pk")
    assert (last.kind, last.number_of_instances) == ("deleted", 1)
    assert not [path for path in (home.home / "cache").rglob("*") if path.is_file()]


def test_the_last_instance_takes_series_and_study_with_it(spool: Spool, home: Environment, tmp_path: Path) -> None:
    (row,) = small_series(spool, tmp_path, 1)
    assert client_of("administrator").delete(series_address(row)).status_code == 204
    remove_deleted_files()
    assert not Study.objects.exists()
    assert not Series.objects.exists()
    assert not stored_files(home)


def test_a_study_goes_with_all_contents_of_its_instances(spool: Spool, home: Environment) -> None:
    from studies.index import index_spool

    receive(spool)
    receive(spool, PatientID="OTHER")
    receive(spool, study="1.9", series="1.9.1", uid="1.9.1.1")
    index_spool(spool)

    client = client_of("administrator")
    assert client.delete(f"{ROOT}/studies/1.1").status_code == 204
    assert client.delete(f"{ROOT}/studies/1.1").status_code == 404
    assert remove_deleted_files() == 2
    assert_whole(home, spool)
    assert Study.objects.get().study_instance_uid == "1.9"


def test_another_content_of_a_uid_becomes_the_primary_one(spool: Spool, home: Environment) -> None:
    from studies.index import index_spool

    receive(spool, study="1.1", series="1.1.1", uid="5.5")
    receive(spool, study="1.2", series="1.2.1", uid="5.5")
    index_spool(spool)
    assert client_of("administrator").delete(f"{ROOT}/studies/1.1").status_code == 204
    assert Instance.objects.get().is_primary


def test_what_was_delivered_stays(spool: Spool, home: Environment, tmp_path: Path) -> None:
    (row,) = small_series(spool, tmp_path, 1)
    DeliveryFactory.create(instance=row, is_delivered=True)
    response = client_of("administrator").delete(address(row))
    assert (response.status_code, response["Content-Type"]) == (409, "application/problem+json")
    assert Instance.objects.count() == 1
    assert not Deletion.objects.exists()


@pytest.mark.parametrize("level", ["study", "series", "instance"])
def test_nothing_of_a_study_on_legal_hold_goes(spool: Spool, tmp_path: Path, level: str) -> None:
    (row,) = small_series(spool, tmp_path, 1)
    label = StudyLabel.objects.create(study=row.series.study, label="Legal Hold", given_by="rule")
    whole = f"{ROOT}/studies/{row.series.study.study_instance_uid}"
    place = {"study": whole, "series": series_address(row), "instance": address(row)}[level]
    client = client_of("administrator")
    response = client.delete(place)
    assert response.status_code == 409
    assert "legal hold" in response.json()["detail"]
    assert Instance.objects.count() == 1
    label.delete()
    assert client.delete(place).status_code == 204


def test_what_a_device_waits_for_the_commitment_of_stays(spool: Spool, tmp_path: Path) -> None:
    (row,) = small_series(spool, tmp_path, 1)
    waiting = CommitmentFactory.create(state=CommitmentState.VERIFYING, items=False)
    CommitmentItem.objects.create(
        commitment=waiting, sop_class_uid=row.sop_class_uid, sop_instance_uid=row.sop_instance_uid
    )
    assert client_of("administrator").delete(address(row)).status_code == 409
    assert Instance.objects.count() == 1
