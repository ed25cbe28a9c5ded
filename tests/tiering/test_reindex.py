"""The rows of a lost database come back from the stores: the same rows, of the same bytes, however often it is done."""

import os
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError
from django.db.models import Model
from pydicom.dataset import Dataset
from pytest_django import Settings

from gateway.env import Environment
from studies.deletions.models import Deletion
from studies.deletions.request import delete
from studies.integrity import path_of
from studies.models import Conflict, IdentityClash, Instance, Series, Study, Tier
from studies.rows import insert as really_insert
from tests.corpus import CT
from tests.retrieving import index, keep, keep_study
from tests.s3_server import s3_server
from tests.tiering.conftest import every_way, folder_location, objects_of
from tests.tiering.damaging import flip_bit, flip_copy, object_of, place_of
from tests.tiering.test_moves import files, move
from tests.tiering.test_stores import bucket
from tiering.models import Copy, Location, Pack
from tiering.stores.choose import open_store

pytestmark = pytest.mark.django_db
# Keys, and what says when a row was written.
OTHERWISE = {"id", "series_id", "study_id", "instance_id", "other_id", "location_id", "pack_id", "data_key_id"}
WHEN = {"indexed_at", "created_at", "verified_at"}
MODELS: tuple[type[Model], ...] = (Study, Series, Instance, Conflict, IdentityClash, Pack, Copy)


def reindex(*options: str) -> str:
    out = StringIO()
    call_command("reindex", *options, stdout=out)
    return out.getvalue()


def all_rows() -> dict[str, list[dict[str, Any]]]:
    """Every column but keys and times of writing; which row belongs to which is in ``belongings``."""
    found = {}
    for model in MODELS:
        rows = [{n: plain(v) for n, v in row.items() if n not in OTHERWISE | WHEN} for row in model.objects.values()]  # type: ignore[attr-defined]
        found[model.__name__] = sorted(rows, key=str)
    return found


def plain(value: Any) -> Any:
    """Of bytes psycopg gives a view."""
    return bytes(value) if isinstance(value, memoryview) else value


def belongings() -> set[tuple[str, ...]]:
    rows = Instance.objects.values_list(
        "sop_instance_uid", "sha256", "series__series_instance_uid", "series__study__study_instance_uid"
    )
    copies = Copy.objects.values_list("instance__sha256", "pack__location__name", "pack__key")
    return {*rows, *copies}


def lose_all_rows() -> None:
    Pack.objects.all().delete()
    Study.objects.all().delete()
    assert not any(model.objects.exists() for model in MODELS)  # type: ignore[attr-defined]


def contents() -> dict[str, bytes]:
    return {row.location: path_of(row).read_bytes() for row in Instance.objects.all() if path_of(row).exists()}


def keep_two_studies() -> None:
    """With a conflict, and an instance that names another patient than its study."""
    keep_study("1.1", series=2, instances=3)
    keep_study("1.2", series=1, instances=2, patient="P2")
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = CT, "1.1.1.1"
    ds.StudyInstanceUID, ds.SeriesInstanceUID = "1.1", "1.1.1"
    ds.PatientID, ds.Modality, ds.StationName = "P3", "CT", "STATION"
    keep(ds)
    index()


def put_away(*studies: str, tier: str = Tier.COLD) -> None:
    Instance.objects.update(planned_at="2026-01-01T00:00:00Z")
    Study.objects.update(completed_at="2026-01-01T00:00:00Z")
    for uid in studies:
        move(Study.objects.get(study_instance_uid=uid), tier)
    Instance.objects.update(planned_at=None)
    Study.objects.update(completed_at=None)  # what no file tells


class TestHotStore:
    def test_the_same_rows(self, home: Environment) -> None:
        keep_two_studies()
        rows, owners, stored = all_rows(), belongings(), contents()
        assert len(rows["Conflict"]) == len(rows["IdentityClash"]) == 1
        lose_all_rows()

        assert "hot store: 9 instances have a row now" in reindex()

        assert all_rows() == rows
        assert belongings() == owners
        assert contents() == stored

    def test_twice_is_once(self, home: Environment) -> None:
        keep_two_studies()
        before = [list(model.objects.values()) for model in MODELS]  # type: ignore[attr-defined]
        assert "hot store: 0 instances" in reindex()
        assert [list(model.objects.values()) for model in MODELS] == before  # type: ignore[attr-defined]

    def test_some_rows_are_there(self, home: Environment) -> None:
        keep_two_studies()
        Instance.objects.filter(sop_instance_uid__in=["1.1.2.2", "1.2.1.1"]).delete()
        assert "hot store: 2 instances" in reindex()
        assert Instance.objects.count() == 9

    def test_batches_end_anywhere(self, home: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("tiering.reindex.BATCH", 2)
        keep_two_studies()
        rows = all_rows()
        lose_all_rows()
        reindex()
        assert all_rows() == rows

    def test_no_dicom_and_a_second_name_get_no_row(self, study: Study, home: Environment) -> None:
        (home.storage / "notes.txt").write_text("not ours")
        os.link(path_of(Instance.objects.all()[0]), home.storage / "second.dcm")
        text = reindex()
        assert "notes.txt: the DICM prefix is missing" in text
        assert "second.dcm: the same bytes are those of instance" in text
        assert (home.storage / "notes.txt").exists()
        assert Instance.objects.count() == 6

    def test_what_was_deleted_stays_so(self, study: Study, home: Environment) -> None:
        content = {path_of(row): path_of(row).read_bytes() for row in Instance.objects.all()}
        delete("1.1", "1.1.1", by="somebody")
        Deletion.objects.get().files.all().delete()
        assert "it was deleted by somebody" in reindex()
        assert Instance.objects.count() == 3
        assert all(path.read_bytes() == each for path, each in content.items())

    def test_indexed_by_another_process_meanwhile(self, study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
        lose_all_rows()
        calls: list[Any] = []

        def insert(*args: Any, **kwargs: Any) -> None:
            calls.append(args)
            if len(calls) == 1:
                raise IntegrityError
            really_insert(*args, **kwargs)

        monkeypatch.setattr("studies.reindex.insert", insert)
        reindex()
        assert (len(calls), Instance.objects.count()) == (2, 6)


@every_way
class TestLocations:
    @pytest.mark.parametrize("tier", [Tier.COLD, Tier.ARCHIVE])
    def test_the_same_rows_of_what_is_away(self, cold: Location, archive: Location, tier: str) -> None:
        keep_two_studies()
        before = sorted(files().values())
        put_away("1.1", tier=tier)
        rows, owners, stored = all_rows(), belongings(), contents()
        lose_all_rows()

        text = reindex()

        assert "hot store: 2 instances" in text
        assert f"{tier}: 7 instances" in text
        assert all_rows() == rows
        assert belongings() == owners
        assert contents() == stored
        again = [list(model.objects.values()) for model in MODELS]  # type: ignore[attr-defined]
        reindex()
        assert [list(model.objects.values()) for model in MODELS] == again  # type: ignore[attr-defined]
        move(Study.objects.get(study_instance_uid="1.1"), Tier.HOT)
        assert sorted(files().values()) == before

    def test_copies_in_two_locations_of_what_is_hot(
        self, home: Environment, cold: Location, tmp_path: Path, settings: Settings
    ) -> None:
        folder_location(tmp_path, "second", Tier.COLD)
        settings.GANTRY = replace(settings.GANTRY, tier_copies=2)
        keep_two_studies()
        put_away("1.1")
        move(Study.objects.get(study_instance_uid="1.1"), Tier.HOT)
        rows, owners = all_rows(), belongings()
        lose_all_rows()
        reindex()
        assert all_rows() == rows
        assert belongings() == owners

    def test_only_what_is_named(self, study: Study, cold: Location, archive: Location) -> None:
        put_away("1.1")
        lose_all_rows()
        assert "0 instances in all" in reindex("--location", "archive")
        assert "6 instances in all" in reindex("--location", "cold", "--location", "archive")
        with pytest.raises(CommandError, match="add it under Tiers first"):
            reindex("--location", "attic")

    def test_rows_of_instances_are_gone_and_those_of_packs_are_there(self, study: Study, cold: Location) -> None:
        put_away("1.1")
        rows, owners = all_rows(), belongings()
        Study.objects.all().delete()
        assert Pack.objects.count() == 2
        reindex()
        assert all_rows() == rows
        assert belongings() == owners
        assert {pack.study_id for pack in Pack.objects.all()} == {Study.objects.get().pk}

    def test_what_was_deleted_stays_so(self, study: Study, cold: Location) -> None:
        put_away("1.1")
        delete("1.1", "1.1.1", "1.1.1.1", by="somebody")
        assert "it was deleted by somebody" in reindex()
        assert Instance.objects.count() == Copy.objects.count() == 5

    def test_up_to_where_a_pack_is_cut_off(self, study: Study, cold: Location) -> None:
        put_away("1.1")
        last = Copy.objects.filter(pack=Pack.objects.earliest("pk")).latest("offset")
        path = object_of(last.pack)
        os.truncate(path, place_of(last.pack, last.offset + last.instance.size_bytes - 1))
        lose_all_rows()
        assert "what is behind is not taken in" in reindex()
        assert Instance.objects.count() == Copy.objects.count() == 5
        assert path.exists()

    def test_a_header_that_is_damaged(self, study: Study, cold: Location) -> None:
        put_away("1.1")
        pack = Pack.objects.earliest("pk")
        flip_bit(object_of(pack), place_of(pack, 3))
        lose_all_rows()
        assert ("chunk 0 is not what was written" if pack.layout else "bad checksum") in reindex()
        assert Instance.objects.count() == 3

    def test_a_file_that_is_no_pack(self, study: Study, cold: Location) -> None:
        (Path(cold.path) / "notes.tar").write_text("not ours" * 100)
        assert "notes.tar" in reindex()
        assert not Pack.objects.exists()

    def test_away(self, study: Study, cold: Location) -> None:
        put_away("1.1")
        Path(cold.path).rename(Path(cold.path).with_name("away"))
        lose_all_rows()
        with pytest.raises(CommandError, match="is its disk mounted"):
            reindex()
        assert not Instance.objects.exists()


def test_a_copy_that_differs_from_the_hot_file_is_told(study: Study, cold: Location) -> None:
    put_away("1.1")
    move(study, Tier.HOT)
    bad = Copy.objects.earliest("pk")
    flip_copy(bad)
    lose_all_rows()
    assert "one of the two is damaged" in reindex()
    assert (Instance.objects.count(), Copy.objects.count(), Conflict.objects.count()) == (6, 5, 0)


def test_a_copy_whose_first_bytes_differ_is_told(study: Study, cold: Location) -> None:
    put_away("1.1")
    move(study, Tier.HOT)
    bad = Copy.objects.earliest("pk")
    flip_bit(object_of(bad.pack), bad.offset + 5)
    lose_all_rows()
    assert "its File Meta Information differs" in reindex()
    assert (Instance.objects.count(), Copy.objects.count()) == (6, 5)


def test_packs_in_a_bucket(study: Study) -> None:
    with s3_server() as url:
        location = bucket(url)
        before = files()
        put_away("1.1", tier=Tier.ARCHIVE)
        rows, owners = all_rows(), belongings()
        lose_all_rows()
        with pytest.raises(CommandError, match="2 differ"):
            call_command("verifystore", stdout=StringIO())

        assert "Cloud: 6 instances" in reindex()

        assert all_rows() == rows
        assert belongings() == owners
        call_command("verifystore", "--hash", stdout=StringIO())
        move(Study.objects.get(), Tier.HOT)
        assert sorted(files().values()) == sorted(before.values())
        open_store(location).remove(Pack.objects.earliest("pk").key)
        with pytest.raises(CommandError, match="1 differ"):
            call_command("verifystore", stdout=StringIO())
        call_command("verifystore", "--repair", stdout=StringIO())
        call_command("verifystore", "--hash", stdout=StringIO())


def test_nothing_is_removed_and_nothing_left_behind(study: Study, cold: Location, home: Environment) -> None:
    put_away("1.1")
    before = {path: path.read_bytes() for path in objects_of(cold)}
    lose_all_rows()
    reindex()
    assert {path: path.read_bytes() for path in objects_of(cold)} == before
    assert list((home.spool_dir / "tmp").iterdir()) == []
