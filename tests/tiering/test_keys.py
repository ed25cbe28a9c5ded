"""Keys of packs: kept wrapped, rotated, and missed in words; what is encrypted comes back from the stores alone."""

import json
from collections.abc import Iterator
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from dicomnet.web.secrets import unseal
from studies.models import Instance, Study, Tier
from tests.retrieving import keep_study
from tests.s3_server import s3_server
from tests.tiering.conftest import WAYS, every_way, folder_location, objects_of
from tests.tiering.damaging import a_month_passes, flip_copy, object_of
from tests.tiering.test_moves import files, move
from tests.tiering.test_reindex import all_rows, belongings, lose_all_rows, put_away, reindex
from tests.tiering.test_stores import bucket
from tiering import contents, keys
from tiering.errors import KeyMissing, StoreError
from tiering.models import Copy, Damage, DataKey, Location, Move, MoveState, Pack, PackState
from tiering.scrub import scrub
from tiering.sources import read_copy
from tiering.stores.choose import open_store
from tiering.stores.folder import FolderStore

pytestmark = pytest.mark.django_db
in_both_ways = pytest.mark.parametrize("way", ["both"], indirect=True)
OLD, NEW = "an old key of 32 characters or so", "a new key of 32 characters or so.."


@pytest.fixture(autouse=True)
def old_key(settings: Settings, home: object) -> None:
    use(settings, OLD)


def use(settings: Settings, *encryption_keys: str) -> None:
    """As if Gantry was started with these."""
    settings.GANTRY = replace(settings.GANTRY, encryption_keys=encryption_keys)


def key_object(location: Location) -> Path:
    """The only one in a folder."""
    (found,) = Path(location.path, keys.FOLDER).iterdir()
    return found


def encrypt_secrets() -> str:
    out = StringIO()
    call_command("encryptsecrets", stdout=out)
    return out.getvalue()


def verify(*options: str) -> str:
    out = StringIO()
    call_command("verifystore", *options, stdout=out)
    return out.getvalue()


@in_both_ways
class TestWhatIsWritten:
    def test_nothing_can_be_read_without_the_key(self, study: Study, cold: Location) -> None:
        move(study, Tier.COLD)
        content = b"".join(path.read_bytes() for path in objects_of(cold))
        assert b"DICM" not in content
        assert b"ustar" not in content
        secret = keys.opened(DataKey.objects.get())
        assert len(secret) == 32
        stored = b"".join(path.read_bytes() for path in Path(cold.path).rglob("*") if path.is_file())
        assert secret not in stored
        assert DataKey.objects.get().wrapped in key_object(cold).read_text()

    def test_packs_of_every_kind_in_one_location(self, cold: Location) -> None:
        uids = [f"1.{number}" for number in range(1, 5)]
        for uid, each in zip(uids, WAYS.values(), strict=True):
            Location.objects.update(**{"compression": "", "is_encrypted": False} | each)
            keep_study(uid)
            put_away(uid)
        assert files() == {}
        kinds = {(pack.compression, pack.data_key is not None, bool(pack.layout)) for pack in Pack.objects.all()}
        assert kinds == {("", False, False), ("zstd", False, True), ("", True, True), ("zstd", True, True)}
        assert {path.name.partition(".")[2] for path in objects_of(cold)} == {"tar", "tar.chunks"}
        assert "agree" in verify("--hash")
        for uid in uids:
            move(Study.objects.get(study_instance_uid=uid), Tier.HOT)
        assert len(files()) == Instance.objects.count()

    def test_an_object_that_is_lost_is_written_again_before_the_next_pack(self, study: Study, cold: Location) -> None:
        keys.key_to_write_with(cold)
        key_object(cold).unlink()
        move(study, Tier.COLD)
        assert key_object(cold).exists()
        assert DataKey.objects.count() == 1

    def test_a_new_key_when_one_is_asked_for(self, study: Study, cold: Location) -> None:
        before = files()
        move(study, Tier.COLD)
        move(study, Tier.HOT)
        first = DataKey.objects.get()
        call_command("newdatakey", "cold", stdout=StringIO())
        Pack.objects.filter(pk=Pack.objects.earliest("pk").pk).update(state=PackState.REMOVING)
        move(study, Tier.COLD)
        assert {pack.data_key for pack in Pack.objects.all()} == set(DataKey.objects.all())
        assert DataKey.objects.last() != first
        move(study, Tier.HOT)
        assert files() == before
        with pytest.raises(CommandError, match="no location 'attic'"):
            call_command("newdatakey", "attic")
        Path(cold.path).rename(Path(cold.path).with_name("away"))
        with pytest.raises(CommandError, match="so there is none"):
            call_command("newdatakey", "cold")
        assert DataKey.objects.count() == 2


@in_both_ways
class TestSmallInstances:
    """Many in one chunk."""

    @pytest.fixture(autouse=True)
    def chunks(self, monkeypatch: pytest.MonkeyPatch, way: object) -> None:
        monkeypatch.setattr(contents, "CHUNK_BYTES", 3_000)

    def test_no_chunk_is_read_twice_to_copy_a_series(
        self, study: Study, cold: Location, archive: Location, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before = files()
        move(study, Tier.COLD)
        read: list[tuple[str, int]] = []
        really_read = FolderStore.read

        def note(store: FolderStore, key: str, start: int = 0, count: int | None = None) -> Iterator[bytes]:
            if start and Pack.objects.get(key=key).location == cold:
                read.extend((key, place) for place in range(start, start + (count or 0)))
            return really_read(store, key, start, count)

        monkeypatch.setattr(FolderStore, "read", note)

        assert move(study, Tier.ARCHIVE).state == MoveState.DONE

        assert read
        assert len(read) == len(set(read))
        move(study, Tier.HOT)
        assert files() == before

    def test_a_damaged_chunk_costs_what_is_in_it(self, cold: Location) -> None:
        keep_study("1.1", instances=20)
        before = files()
        put_away("1.1")
        pack = Pack.objects.earliest("pk")
        flip_copy(pack.copies.earliest("offset"))
        a_month_passes()
        while scrub(seconds=20):
            pass
        lost = {each.instance_id for each in Damage.objects.filter(repaired_at=None) if each.instance_id}
        right = Copy.objects.filter(pack__state=PackState.VERIFIED).values_list("instance", flat=True)
        assert set(before) == lost | set(right)
        assert 0 < len(lost) < 6
        move(Study.objects.get(), Tier.HOT)
        assert files() == {pk: content for pk, content in before.items() if pk not in lost}


@in_both_ways
class TestKeyMissing:
    def test_what_is_put_away_waits_and_says_what_to_do(self, study: Study, cold: Location, settings: Settings) -> None:
        before = files()
        move(study, Tier.COLD)
        use(settings, NEW)

        back = move(study, Tier.HOT)

        assert back.state == MoveState.COPYING
        assert "GANTRY_ENCRYPTION_KEYS" in back.last_error
        a_month_passes()
        scrub(seconds=5)
        with pytest.raises(CommandError, match="GANTRY_ENCRYPTION_KEYS"):
            verify("--hash", "--repair")
        assert not Damage.objects.exists()
        assert set(Pack.objects.values_list("state", flat=True)) == {PackState.VERIFIED}
        assert files() == {}

        use(settings, NEW, OLD)
        move(study, Tier.HOT)
        assert files() == before

    def test_nothing_is_written_that_could_not_be_read(self, study: Study, cold: Location, settings: Settings) -> None:
        keys.key_to_write_with(cold)
        use(settings, NEW)
        waiting = move(study, Tier.COLD)
        assert "GANTRY_ENCRYPTION_KEYS" in waiting.last_error
        assert len(files()) == 6
        assert objects_of(cold) == []

    def test_reindex_takes_in_what_it_can_read(
        self, study: Study, cold: Location, settings: Settings, capsys: pytest.CaptureFixture[str]
    ) -> None:
        move(study, Tier.COLD)
        lose_all_rows()
        DataKey.objects.all().delete()
        use(settings, NEW)
        with pytest.raises(CommandError, match="GANTRY_ENCRYPTION_KEYS"):
            reindex()
        use(settings, NEW, OLD)
        moved = key_object(cold).rename(Path(cold.path, "mislaid"))
        with pytest.raises(CommandError, match="put it back"):
            reindex()
        assert not Instance.objects.exists()
        moved.rename(Path(cold.path, keys.FOLDER, f"{json.loads(moved.read_text())['id']}.json"))
        assert "6 instances in all" in reindex()


@in_both_ways
class TestDamage:
    def test_a_changed_chunk_is_never_served_and_is_repaired(
        self, study: Study, cold: Location, elsewhere: Path, settings: Settings
    ) -> None:
        before = files()
        second = folder_location(elsewhere, "second", Tier.COLD)  # plain: each repairs the other
        settings.GANTRY = replace(settings.GANTRY, tier_copies=2)
        move(study, Tier.COLD)
        for location in (cold, second):
            copy = Copy.objects.filter(pack__location=location).earliest("pk")
            if location == cold:
                flip_copy(copy)
                with pytest.raises(Exception, match="is not what was written"):
                    list(read_copy(copy, copy.instance.size_bytes))
            a_month_passes()
            while scrub(seconds=20):
                pass
        assert not Damage.objects.filter(repaired_at=None).exists()
        assert Damage.objects.count() == 1
        assert "agree" in verify("--hash")
        move(study, Tier.HOT)
        assert files() == before

    def test_two_objects_that_were_exchanged(self, study: Study, cold: Location) -> None:
        move(study, Tier.COLD)
        first, second = (object_of(pack) for pack in Pack.objects.order_by("pk"))
        content = first.read_bytes()
        first.write_bytes(second.read_bytes())
        second.write_bytes(content)
        failed = move(study, Tier.HOT)
        assert failed.state == MoveState.FAILED
        assert files() == {}
        assert set(Pack.objects.values_list("state", flat=True)) == {PackState.DAMAGED}

    def test_a_damaged_source_is_marked_and_the_next_copy_is_taken(
        self, study: Study, cold: Location, archive: Location, elsewhere: Path, settings: Settings
    ) -> None:
        before = files()
        folder_location(elsewhere, "second", Tier.COLD)
        settings.GANTRY = replace(settings.GANTRY, tier_copies=2)
        move(study, Tier.COLD)
        Location.objects.filter(pk=cold.pk).update(expected_latency_seconds=0)
        Location.objects.exclude(pk=cold.pk).update(expected_latency_seconds=9)
        settings.GANTRY = replace(settings.GANTRY, tier_copies=1)
        flip_copy(Copy.objects.filter(pack__location=cold).earliest("pk"))
        assert move(study, Tier.ARCHIVE).state == MoveState.DONE
        move(study, Tier.HOT)
        assert files() == before


@in_both_ways
class TestRotation:
    def test_the_old_key_is_not_needed_any_more(self, study: Study, cold: Location, settings: Settings) -> None:
        before = files()
        put_away("1.1")
        use(settings, NEW, OLD)

        assert "not needed any more" in encrypt_secrets()

        use(settings, NEW)
        rows, owners = all_rows(), belongings()
        lose_all_rows()
        DataKey.objects.all().delete()
        reindex()
        assert (all_rows(), belongings()) == (rows, owners)
        assert "agree" in verify("--hash")
        move(Study.objects.get(), Tier.HOT)
        assert sorted(files().values()) == sorted(before.values())

    def test_a_location_that_is_away_keeps_the_old_key_needed(
        self, study: Study, cold: Location, settings: Settings
    ) -> None:
        move(study, Tier.COLD)
        use(settings, NEW, OLD)
        away = Path(cold.path).rename(Path(cold.path).with_name("away"))
        with pytest.raises(CommandError, match=r"(?s)is its disk mounted.*Keep the old keys until then"):
            encrypt_secrets()
        away.rename(cold.path)
        assert "Encrypted under the first key: 1." in encrypt_secrets()
        use(settings, NEW)
        assert "agree" in verify("--hash")

    def test_no_key_opens_it(self, study: Study, cold: Location, settings: Settings) -> None:
        move(study, Tier.COLD)
        before = key_object(cold).read_bytes()
        use(settings, NEW)
        with pytest.raises(CommandError, match="put the key back"):
            encrypt_secrets()
        assert key_object(cold).read_bytes() == before

    def test_a_database_from_before(self, study: Study, cold: Location, settings: Settings) -> None:
        before = files()
        move(study, Tier.COLD)
        old = DataKey.objects.get().wrapped
        use(settings, NEW, OLD)
        encrypt_secrets()
        use(settings, NEW)
        DataKey.objects.update(wrapped=old)
        move(study, Tier.HOT)
        assert files() == before
        assert DataKey.objects.get().wrapped in key_object(cold).read_text()


@in_both_ways
class TestKeyObjects:
    @pytest.mark.parametrize("lost", ["gone", "changed", "of another"])
    def test_what_is_missing_is_told_and_written_again(self, study: Study, cold: Location, lost: str) -> None:
        move(study, Tier.COLD)
        path = key_object(cold)
        content = path.read_bytes()
        if lost == "gone":
            path.unlink()
        elif lost == "changed":
            path.write_bytes(content.replace(b'"wrapped": "g', b'"wrapped": "h'))
        else:
            path.write_text("{}")
        with pytest.raises(CommandError, match="1 differ"):
            verify()
        assert "All differences were repaired" in verify("--repair")
        assert "agree" in verify()
        assert path.read_bytes() == content

    def test_one_that_opens_nothing(self, cold: Location) -> None:
        key = keys.new_key(cold)
        Path(cold.path, keys.object_name(key.ident)).write_text("[]")
        with pytest.raises(KeyMissing, match="put it back"):
            keys.read_object(cold, key.ident)

    def test_a_location_that_is_away_is_not_missing(self, cold: Location) -> None:
        Path(cold.path).rename(Path(cold.path).with_name("away"))
        with pytest.raises(StoreError, match="is its disk mounted") as caught:
            keys.read_object(cold, "00" * 16)
        assert not isinstance(caught.value, KeyMissing)


def test_secret_keys_of_buckets(settings: Settings) -> None:
    with s3_server() as url:
        location = bucket(url)
        use(settings, NEW, OLD)
        encrypt_secrets()
        use(settings, NEW)
        location.refresh_from_db()
        assert unseal(location.secret_key, place=url.replace("localhost", "127.0.0.1")) == "s"
        use(settings, "another key of 32 characters or so")
        with pytest.raises(CommandError, match="decrypts the secret of: Cloud"):
            encrypt_secrets()


@every_way
def test_in_a_bucket_the_stores_and_the_key_are_enough(study: Study, way: dict[str, object]) -> None:
    with s3_server() as url:
        location = bucket(url)
        Location.objects.filter(pk=location.pk).update(**way)
        before = files()
        put_away("1.1", tier=Tier.ARCHIVE)
        rows, owners = all_rows(), belongings()
        lose_all_rows()
        Location.objects.all().delete()
        location.pk = None
        location.save()

        assert "Cloud: 6 instances" in reindex()

        assert all_rows() == rows
        assert belongings() == owners
        assert "agree" in verify("--hash")
        move(Study.objects.get(), Tier.HOT)
        assert sorted(files().values()) == sorted(before.values())
        assert not Move.objects.exclude(state=MoveState.DONE).exists()
        open_store(location).remove(Pack.objects.earliest("pk").key)
        verify("--repair")
        assert "agree" in verify("--hash")
