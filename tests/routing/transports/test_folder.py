"""Folders: one file for each instance under its UIDs, whole or not at all, and never written over."""

import errno
import fcntl
import hashlib
import os
import re
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread

from gateway.env import Environment
from routing.batch import Batch
from routing.deliver import drive
from routing.models import Delivery, DeliveryState, Destination, DestinationKind
from routing.transports import folder
from routing.transports.outcome import Outcome, PeerLost
from tests.corpus import data_set, data_set_bytes, part10
from tests.routing.conftest import Store
from tests.routing.transports.conftest import Make, destination_of, file_of

# What a destination does is no matter of the database.
pytestmark = [pytest.mark.embedded, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("share")


@pytest.fixture
def destination(base: Path) -> Destination:
    return destination_of(DestinationKind.FOLDER, path=str(base))


def send(destination: Destination, deliveries: list[Delivery]) -> list[Outcome]:
    return list(folder.send(destination, Batch(deliveries)))


def place(base: Path, delivery: Delivery) -> Path:
    return base / "1.2.3.4" / "1.2.3.4.5" / f"{delivery.instance.sop_instance_uid}.dcm"


def files(base: Path) -> list[Path]:
    return sorted(path for path in base.rglob("*") if path.is_file())


class Failing:
    """A system call that fails at its next use, once."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, name: str, code: int) -> None:
        self.honest, self.code, self.has_failed = getattr(os, name), code, False
        monkeypatch.setattr(f"routing.transports.folder.os.{name}", self)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if not self.has_failed:
            self.has_failed = True
            raise OSError(self.code, os.strerror(self.code))
        return self.honest(*args, **kwargs)


def test_a_file_under_its_uids(deliveries: Make, destination: Destination, base: Path) -> None:
    made = deliveries(destination, 2)

    outcomes = send(destination, made)

    assert [outcome.status for outcome in outcomes] == [0, 0]
    assert files(base) == sorted(place(base, delivery) for delivery in made)
    written = place(base, made[0])
    assert data_set_bytes(written) == data_set_bytes(file_of(made[0].instance))
    meta = dcmread(written).file_meta
    assert meta.MediaStorageSOPInstanceUID == made[0].instance.sop_instance_uid
    assert "SendingApplicationEntityTitle" not in meta
    assert "PrivateInformation" not in meta


def test_the_same_again_is_done(deliveries: Make, destination: Destination, base: Path) -> None:
    made = deliveries(destination)
    send(destination, made)
    before = place(base, made[0]).stat()

    (outcome,) = send(destination, made)

    assert outcome.is_delivered
    assert files(base) == [place(base, made[0])]
    after = place(base, made[0]).stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_another_content_gets_a_name_of_its_own(deliveries: Make, destination: Destination, base: Path) -> None:
    made = deliveries(destination)
    kept = place(base, made[0])
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"somebody else's")

    for _ in range(2):
        (outcome,) = send(destination, made)
        assert outcome.is_delivered

    assert kept.read_bytes() == b"somebody else's"
    (other,) = set(files(base)) - {kept}
    digest = hashlib.sha256(other.read_bytes()).hexdigest()
    assert other.name == f"{made[0].instance.sop_instance_uid}-{digest[:16]}.dcm"


def test_a_damaged_file_of_that_name_is_told(deliveries: Make, destination: Destination, base: Path) -> None:
    made = deliveries(destination)
    kept = place(base, made[0])
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"somebody else's")
    send(destination, made)
    (other,) = set(files(base)) - {kept}
    other.write_bytes(b"damaged")

    (outcome,) = send(destination, made)

    assert "is damaged; move it away" in outcome.error
    assert not outcome.is_permanent


def test_the_uids_are_those_of_the_file(store: Store, deliveries: Make, destination: Destination, base: Path) -> None:
    """What was changed on its way has its place under its new UIDs."""
    (delivery,) = deliveries(destination)
    uid = delivery.instance.sop_instance_uid
    content = data_set(sop_instance_uid=uid.encode(), study_instance_uid=b"9.8", series_instance_uid=b"9.8.7")
    file = part10(content, sop_instance_uid=uid)
    file_of(delivery.instance).write_bytes(file)
    delivery.instance.size_bytes = len(file)

    (outcome,) = send(destination, [delivery])

    assert outcome.is_delivered
    assert files(base) == [base / "9.8" / "9.8.7" / f"{uid}.dcm"]


@pytest.mark.parametrize("study", [b"../../x", b"", b"/tmp/x", b"1.2/3", b"1" * 65, b"."])
def test_nothing_but_a_uid_becomes_a_path(deliveries: Make, destination: Destination, base: Path, study: bytes) -> None:
    (delivery,) = deliveries(destination)
    uid = delivery.instance.sop_instance_uid
    file = part10(data_set(sop_instance_uid=uid.encode(), study_instance_uid=study), sop_instance_uid=uid)
    file_of(delivery.instance).write_bytes(file)
    delivery.instance.size_bytes = len(file)

    (outcome,) = send(destination, [delivery])

    assert outcome.is_permanent
    assert "has no place among files" in outcome.error
    assert list(base.iterdir()) == []


@pytest.mark.parametrize("level", ["study", "series", "file"])
def test_no_link_is_followed(
    deliveries: Make, destination: Destination, base: Path, tmp_path_factory: pytest.TempPathFactory, level: str
) -> None:
    (delivery,) = deliveries(destination)
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    wanted = place(base, delivery)
    link = {"study": wanted.parent.parent, "series": wanted.parent, "file": wanted}[level]
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(elsewhere if level != "file" else elsewhere / "victim")

    (outcome,) = send(destination, [delivery])

    assert re.search(r"a link stands where|is no folder", outcome.error)
    assert not outcome.is_permanent
    assert list(elsewhere.iterdir()) == []


class TestWhatIsTheDestinationsFault:
    def test_a_folder_that_is_not_there_is_not_made(self, deliveries: Make, base: Path) -> None:
        missing = base / "not mounted"
        destination = destination_of(DestinationKind.FOLDER, path=str(missing))
        with pytest.raises(PeerLost, match="is its share mounted") as lost:
            send(destination, deliveries(destination))
        assert lost.value.during == ()
        assert not missing.exists()

    def test_a_file_in_its_place(self, deliveries: Make, base: Path) -> None:
        (base / "file").write_text("")
        destination = destination_of(DestinationKind.FOLDER, path=str(base / "file"))
        with pytest.raises(PeerLost, match="is no folder"):
            send(destination, deliveries(destination))

    def test_gantrys_own_folders(self, deliveries: Make, home: Environment) -> None:
        for path in (home.home, home.storage, home.home / "spool", home.home.parent):
            destination = destination_of(DestinationKind.FOLDER, path=str(path))
            with pytest.raises(PeerLost, match="one of Gantry's own"):
                send(destination, deliveries(destination))

    def test_a_link_to_gantrys_own_folders(self, deliveries: Make, home: Environment, base: Path) -> None:
        (base / "link").symlink_to(home.storage)
        destination = destination_of(DestinationKind.FOLDER, path=str(base / "link"))
        with pytest.raises(PeerLost, match="one of Gantry's own"):
            send(destination, deliveries(destination))

    @pytest.mark.parametrize("call", ["write", "fsync", "rename", "mkdir"])
    @pytest.mark.parametrize(
        ("code", "words"),
        [
            (errno.ENOSPC, "its disk is full"),
            (errno.EDQUOT, "its quota is used up"),
            (errno.EROFS, "read-only"),
            (errno.EACCES, "correct its owner or permissions"),
            (errno.EIO, "Input/output error"),
            (errno.ESTALE, "mount it again"),
        ],
    )
    def test_errors_of_the_disk(
        self,
        deliveries: Make,
        destination: Destination,
        base: Path,
        monkeypatch: pytest.MonkeyPatch,
        call: str,
        code: int,
        words: str,
    ) -> None:
        made = deliveries(destination)
        Failing(monkeypatch, call, code)

        with pytest.raises(PeerLost, match=words) as lost:
            send(destination, made)

        assert lost.value.during == ()
        assert files(base) == []
        assert send(destination, made)[0].is_delivered  # and when it is mended, all is well
        assert files(base) == [place(base, made[0])]


class TestOneFile:
    def test_larger_than_the_file_system_takes(
        self, deliveries: Make, destination: Destination, base: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        large, small = deliveries(destination, 2)
        Failing(monkeypatch, "write", errno.EFBIG)
        outcomes = send(destination, [large, small])
        assert [outcome.is_permanent for outcome in outcomes] == [True, False]
        assert files(base) == [place(base, small)]

    def test_a_stored_file_that_is_gone(self, deliveries: Make, destination: Destination, base: Path) -> None:
        gone, kept = deliveries(destination, 2)
        file_of(gone.instance).unlink()
        outcomes = send(destination, [gone, kept])
        assert outcomes[0].error == "the stored file cannot be read: No such file or directory"
        assert outcomes[1].is_delivered

    def test_what_a_killed_process_left_is_taken_over(
        self, deliveries: Make, destination: Destination, base: Path
    ) -> None:
        (delivery,) = deliveries(destination)
        wanted = place(base, delivery)
        wanted.parent.mkdir(parents=True)
        (wanted.parent / f".{delivery.instance.sop_instance_uid}.part").write_bytes(b"x" * 1_000_000)

        assert send(destination, [delivery])[0].is_delivered

        assert files(base) == [wanted]
        assert data_set_bytes(wanted) == data_set_bytes(file_of(delivery.instance))

    def test_what_another_process_writes_is_left_to_it(
        self, deliveries: Make, destination: Destination, base: Path
    ) -> None:
        (delivery,) = deliveries(destination)
        wanted = place(base, delivery)
        wanted.parent.mkdir(parents=True)
        temporary = wanted.parent / f".{delivery.instance.sop_instance_uid}.part"
        with temporary.open("wb") as file:
            file.write(b"half")
            file.flush()
            fcntl.flock(file, fcntl.LOCK_EX)
            (outcome,) = send(destination, [delivery])
            assert temporary.read_bytes() == b"half"

        assert outcome.error == "another process is writing this file just now"
        assert not outcome.is_permanent
        assert not wanted.exists()


def test_a_lane_delivers_and_waits(deliveries: Make, destination: Destination, base: Path) -> None:
    deliveries(destination, 3, attempts=0)
    assert drive(destination.pk) == 3

    away = base.rename(base.with_name(f"{base.name}-away"))
    deliveries(destination, 1, attempts=0)
    assert drive(destination.pk) == 0

    destination.refresh_from_db()
    assert "is its share mounted" in destination.last_error
    assert Delivery.objects.filter(state=DeliveryState.PENDING).count() == 1
    assert len(files(away)) == 3
    assert not base.exists()
