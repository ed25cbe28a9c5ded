"""Stores and database are compared both ways, and what differs is mended where something is right."""

import errno
import os
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from rich.console import Console

from gateway.env import Environment
from studies.deletions.request import delete
from studies.dimse import local_spool
from studies.disk import files_below
from studies.integrity import path_of
from studies.models import Instance, Study, Tier
from studies.storage import location_for
from studies.ulid import new_ulid
from tests.retrieving import index, keep_study
from tests.studies.disks import FailingCall
from tests.tiering.conftest import objects_of
from tests.tiering.damaging import flip_bit, flip_copy, object_of
from tests.tiering.test_moves import files, move
from tiering import reconcile
from tiering.management.commands import verifystore
from tiering.models import Copy, Location, Pack, PackState
from tiering.reconcile import Kind, hot_differences, location_differences

pytestmark = pytest.mark.django_db


def verify(*options: str) -> str:
    out = StringIO()
    call_command("verifystore", *options, stdout=out)
    return out.getvalue()


def differing(*options: str) -> str:
    out = StringIO()
    with pytest.raises(CommandError):
        call_command("verifystore", *options, stdout=out)
    return out.getvalue()


def kinds(location: Location | None = None) -> list[Kind]:
    found = location_differences(location, lambda: None) if location else hot_differences(lambda: None)
    return [each.kind for each in found]


class TestNothingDiffers:
    def test_hot(self, study: Study) -> None:
        assert "Stores and database agree." in verify("--hash")

    def test_away_and_half_way(self, study: Study, cold: Location) -> None:
        keep_study("1.2", instances=2)
        move(study, Tier.COLD)
        assert "agree" in verify("--hash")

    def test_an_empty_installation(self, home: Environment) -> None:
        assert "agree" in verify()

    def test_what_waits_for_the_index(self, study: Study) -> None:
        victim = Instance.objects.all()[0]
        local_spool().take_back(path_of(victim), path_of(victim).name)
        Instance.objects.filter(pk=victim.pk).delete()
        assert kinds() == []

    def test_what_waits_to_be_removed(self, study: Study) -> None:
        delete("1.1", by="somebody")
        assert len(list(files_left())) == 6
        assert kinds() == []

    def test_what_is_being_written(self, study: Study, cold: Location) -> None:
        path_of(Instance.objects.all()[0]).with_suffix(".dcm.part").write_bytes(b"half")
        Pack.objects.create(location=cold, study=study, key="1.1/1.1.1/x.tar")
        (Path(cold.path) / "1.1" / "1.1.1").mkdir(parents=True)
        (Path(cold.path) / "1.1" / "1.1.1" / "x.tar.part").write_bytes(b"half")
        assert kinds() == kinds(cold) == []


def files_left() -> Iterator[Path]:
    from django.conf import settings

    return (path for path in settings.GANTRY.storage.rglob("*.dcm"))


class TestHotStore:
    def test_every_kind_at_once(self, home: Environment) -> None:
        keep_study(instances=9)
        rows = list(Instance.objects.order_by("location"))
        path_of(rows[0]).unlink()
        os.truncate(path_of(rows[4]), 200)
        Instance.objects.filter(pk=rows[8].pk).delete()
        (home.storage / "notes.txt").write_text("not ours")

        found = list(hot_differences(lambda: None))

        assert {(each.kind, each.name) for each in found} == {
            (Kind.MISSING_FILE, rows[0].location),
            (Kind.OTHER_FILE, rows[4].location),
            (Kind.UNKNOWN_FILE, rows[8].location),
            (Kind.UNKNOWN_FILE, "notes.txt"),
        }
        text = differing()
        assert rows[0].location in text
        assert "200 bytes" in text

    def test_batches_end_anywhere(self, home: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(reconcile, "BATCH", 2)
        keep_study(instances=7)
        for row in Instance.objects.all()[:5]:
            path_of(row).unlink()
        assert kinds() == [Kind.MISSING_FILE] * 5

    def test_a_flipped_bit_only_where_everything_is_read(self, study: Study) -> None:
        victim = Instance.objects.all()[2]
        flip_bit(path_of(victim), victim.size_bytes - 2)
        assert "agree" in verify()
        assert "SHA-256" in differing("--hash")

    def test_a_disk_that_is_not_mounted(self, study: Study, home: Environment) -> None:
        home.storage.rename(home.storage.with_name("elsewhere"))
        home.storage.mkdir()
        with pytest.raises(CommandError, match="is its disk mounted"):
            verify("--repair")


class TestRepairOfFiles:
    @pytest.mark.parametrize("options", [(), ("--hash",)])
    def test_what_has_a_copy_comes_back(self, study: Study, cold: Location, options: tuple[str, ...]) -> None:
        before = files()
        move(study, Tier.COLD)
        move(study, Tier.HOT)
        rows = list(Instance.objects.all())
        path_of(rows[0]).unlink()
        os.truncate(path_of(rows[1]), 200)
        if options:
            flip_bit(path_of(rows[2]), rows[2].size_bytes - 2)

        assert "All differences were repaired." in verify("--repair", *options)

        assert files() == before
        assert "agree" in verify("--hash")

    def test_what_has_none_is_told(self, study: Study) -> None:
        path_of(Instance.objects.all()[0]).unlink()
        assert "nothing is right to repair it from" in differing("--repair")

    def test_unknown_files_are_indexed_again_in_their_place(self, study: Study) -> None:
        before, rows = files(), rows_of_instances()
        Study.objects.all().delete()

        assert "repaired" in verify("--repair")
        assert list(Instance.objects.all()) == []
        index()

        assert rows_of_instances() == rows
        assert sorted(files().values()) == sorted(before.values())
        assert "agree" in verify("--hash")
        assert not list(local_spool().waiting())

    def test_under_a_name_that_is_not_ours(self, study: Study, home: Environment) -> None:
        victim = Instance.objects.all()[0]
        content = path_of(victim).read_bytes()
        path_of(victim).rename(home.storage / "found.dcm")
        Instance.objects.filter(pk=victim.pk).delete()

        verify("--repair")
        index()

        again = Instance.objects.get(sop_instance_uid=victim.sop_instance_uid)
        assert path_of(again).read_bytes() == content
        assert "the same bytes are those of instance" in differing("--repair")
        assert (home.storage / "found.dcm").exists()

    def test_waiting_under_two_names_in_one_batch(self, study: Study) -> None:
        before = files()
        victim = Instance.objects.all()[0]
        path = path_of(victim)
        Instance.objects.filter(pk=victim.pk).delete()
        for shard in ("0", "1"):
            os.link(path, local_spool().new / shard / path.name)
        index()
        assert sorted(files().values()) == sorted(before.values())

    def test_a_second_file_of_what_is_stored_stays(self, study: Study, home: Environment) -> None:
        copy = home.storage / location_for(new_ulid())
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path_of(Instance.objects.all()[0]).read_bytes())
        assert "the same bytes are those of instance" in differing("--repair")
        index()
        assert copy.exists()

    def test_no_dicom_file_and_what_was_deleted_stay_out(self, study: Study, home: Environment) -> None:
        (home.storage / "notes.txt").write_text("not ours")
        (home.storage / "empty.dcm").touch()
        content = path_of(Instance.objects.all()[0]).read_bytes()
        delete("1.1", by="somebody")
        (home.storage / "back.dcm").write_bytes(content)
        text = differing("--repair")
        assert text.count("cannot be read as DICOM") == 2
        assert "was deleted by somebody" in text
        assert not list(local_spool().waiting())


class TestLocations:
    def test_every_kind_at_once(self, cold: Location, home: Environment) -> None:
        keep_study(series=4, instances=1)
        Instance.objects.update(planned_at="2026-01-01T00:00:00Z")
        Study.objects.update(completed_at=timezone.now())
        move(Study.objects.get(), Tier.COLD)
        packs = list(Pack.objects.order_by("pk"))
        object_of(packs[0]).unlink()
        os.truncate(object_of(packs[1]), 700)
        Pack.objects.filter(pk=packs[2].pk).delete()

        assert sorted(kinds(cold)) == sorted([Kind.MISSING_OBJECT, Kind.OTHER_OBJECT, Kind.UNKNOWN_OBJECT])
        assert packs[2].key in differing()

    def test_a_flipped_bit(self, study: Study, cold: Location) -> None:
        move(study, Tier.COLD)
        flip_copy(Copy.objects.earliest("pk"))
        assert "agree" in verify()
        assert "SHA-256" in differing("--hash")
        assert Pack.objects.filter(state=PackState.DAMAGED).count() == 1

    @pytest.mark.parametrize("is_gone", [True, False])
    def test_a_pack_is_written_anew_from_hot_files(self, study: Study, cold: Location, is_gone: bool) -> None:
        move(study, Tier.COLD)
        move(study, Tier.HOT)
        if is_gone:
            objects_of(cold)[0].unlink()
        else:
            flip_copy(Copy.objects.earliest("pk"))
        assert "repaired" in verify("--repair", "--hash")
        assert "agree" in verify("--hash")
        assert len(objects_of(cold)) == 2

    def test_away(self, study: Study, cold: Location) -> None:
        move(study, Tier.COLD)
        Path(cold.path).rename(Path(cold.path).with_name("away"))
        with pytest.raises(CommandError, match="is its disk mounted"):
            verify("--repair")
        assert set(Pack.objects.values_list("state", flat=True)) == {PackState.VERIFIED}


class TestWalkAndSpool:
    def test_files_come_in_the_order_of_their_names(self, tmp_path: Path) -> None:
        names = ["a.b/x", "a/x", "a/b/c", "ab", "a0/x", "A/1", "é/x", "a/b.c", "a!/x"]
        for name in names:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_bytes(b"123")
        assert list(files_below(tmp_path)) == [(name, 3) for name in sorted(names)]

    def test_taken_back_from_another_disk(self, study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
        path = path_of(Instance.objects.all()[0])
        with monkeypatch.context() as on_two_disks:
            FailingCall(on_two_disks, "link", errno.EXDEV)
            local_spool().take_back(path, path.name)
        (waiting,) = local_spool().waiting()
        assert waiting.name == path.name
        assert waiting.read_bytes() == path.read_bytes()
        assert list(local_spool().tmp.iterdir()) == []

    def test_taken_back_once(self, study: Study) -> None:
        path = path_of(Instance.objects.all()[0])
        for _ in range(3):
            local_spool().take_back(path, path.name)
        assert len(list(local_spool().waiting())) == 1


def test_progress_for_people(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    def terminal(file: object) -> Console:
        return Console(file=file, force_terminal=True, width=100)  # type: ignore[arg-type]

    monkeypatch.setattr(verifystore, "Console", terminal)
    assert "hot store" in verify()


def rows_of_instances() -> list[dict[str, object]]:
    return [
        {name: value for name, value in row.items() if name not in {"id", "series_id", "indexed_at", "planned_at"}}
        for row in Instance.objects.order_by("location").values()
    ]
