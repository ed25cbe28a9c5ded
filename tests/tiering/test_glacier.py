"""Cold storage of an S3 service: what goes there is proven, what comes back is asked for once, and people are told."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from studies.models import Instance, Study, Tier
from tests.api_clients import V1, client_of
from tests.tiering.bad_s3 import Back, BadS3, Call, refusal, times
from tests.tiering.conftest import folder_location, keys
from tests.tiering.damaging import a_month_passes
from tests.tiering.test_moves import files, go_on, move
from tiering.ask import ask_for_move
from tiering.carry_out import work
from tiering.forecast import Forecast
from tiering.lay_down import lay_down_due
from tiering.models import Copy, Damage, Location, Move, MoveState, Pack, PackState
from tiering.scrub import scrub
from tiering.stores import patience

pytestmark = pytest.mark.django_db
HOUR = 3600


@pytest.fixture
def glacier(cloud: Location, proxy: BadS3) -> Location:
    """A bucket whose packs go to Glacier."""
    proxy.has_cold_storage = True
    cloud.storage_class = "GLACIER"
    cloud.save()
    return cloud


@pytest.fixture
def away(study: Study, glacier: Location, proxy: BadS3) -> dict[int, bytes]:
    """The files of a study that lies in Glacier."""
    before = files()
    move(study, Tier.ARCHIVE)
    assert not lay_down_due(seconds=60)
    proxy.calls.clear()
    return before


def classes(outside: Any) -> list[str]:
    return [outside.head_object(Bucket="images", Key=key).get("StorageClass", "STANDARD") for key in keys(outside)]


def recall(study: Study) -> Move:
    asked = ask_for_move(study, Tier.HOT, by="reader")
    work(seconds=60)
    asked.refresh_from_db()
    return asked


class TestGoingThere:
    def test_it_is_read_back_before_it_goes_there(self, study: Study, glacier: Location, outside: Any) -> None:
        move(study, Tier.ARCHIVE)
        assert (files(), classes(outside)) == ({}, ["STANDARD", "STANDARD"])

        assert not lay_down_due(seconds=60)

        assert classes(outside) == ["GLACIER", "GLACIER"]
        assert set(Pack.objects.values_list("storage_class", "state")) == {("GLACIER", PackState.VERIFIED)}
        for pack in Pack.objects.all():
            assert "SHA-256" in pack.note
            assert len(pack.sha256) == 64

    def test_once(self, away: dict[int, bytes], proxy: BadS3) -> None:
        assert not lay_down_due(seconds=60)
        assert proxy.calls == []

    def test_a_worker_that_was_lost_after_the_copy(self, away: dict[int, bytes], proxy: BadS3) -> None:
        Pack.objects.update(storage_class="", note="")
        assert not lay_down_due(seconds=60)
        assert set(Pack.objects.values_list("storage_class", flat=True)) == {"GLACIER"}
        assert proxy.asked("PUT") == 0

    def test_what_was_there_before_the_location_asked_for_it(
        self, study: Study, cloud: Location, proxy: BadS3, outside: Any
    ) -> None:
        move(study, Tier.ARCHIVE)
        proxy.has_cold_storage = True
        Location.objects.update(storage_class="DEEP_ARCHIVE")
        assert not lay_down_due(seconds=60)
        assert classes(outside) == ["DEEP_ARCHIVE", "DEEP_ARCHIVE"]

    def test_a_copy_that_came_out_otherwise(self, study: Study, glacier: Location, proxy: BadS3) -> None:
        move(study, Tier.ARCHIVE)

        def after(call: Call, back: Back) -> Back:
            is_asked = call.method == "HEAD" and "x-amz-checksum-sha256" in back.headers
            other = {"x-amz-checksum-sha256": "A" * 43 + "="}
            return replace(back, headers=back.headers | other) if is_asked else back

        proxy.after = after
        lay_down_due(seconds=60)
        assert Pack.objects.filter(state=PackState.DAMAGED).count() == 2

    def test_a_service_that_does_not_answer_is_asked_later(
        self, study: Study, glacier: Location, proxy: BadS3, outside: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(patience, "PATIENCE_SECONDS", 0.1)
        move(study, Tier.ARCHIVE)
        proxy.before = times(1_000, refusal(503, "SlowDown"), "PUT")
        assert not lay_down_due(seconds=60)
        assert Pack.objects.filter(state=PackState.VERIFIED).count() == 2
        proxy.before = lambda _: None
        assert not lay_down_due(seconds=60)
        assert classes(outside) == ["GLACIER", "GLACIER"]

    @pytest.mark.parametrize("storage_class", ["STANDARD_IA", "GLACIER_IR"])
    def test_a_class_that_is_read_at_once_is_written_at_once(
        self, study: Study, cloud: Location, outside: Any, storage_class: str
    ) -> None:
        cloud.storage_class = storage_class
        cloud.save()
        move(study, Tier.ARCHIVE)
        assert classes(outside) == [storage_class] * 2
        assert not lay_down_due(seconds=60)

    def test_a_bucket_that_puts_all_into_cold_storage(
        self, study: Study, cloud: Location, proxy: BadS3, outside: Any
    ) -> None:
        """What was never read back is not relied on."""
        proxy.has_cold_storage = True
        before = files()
        cloud.storage_class = ""
        cloud.save()

        def cold(call: Call, back: Back) -> Back:
            return refusal(403, "InvalidObjectState") if call.method == "GET" else back

        proxy.after = cold
        waiting = move(study, Tier.ARCHIVE)
        assert waiting.state == MoveState.COPYING
        assert "cannot be read back: choose the storage class in Gantry" in waiting.last_error
        assert files() == before


class TestComingBack:
    def test_it_is_asked_for_once_and_comes(self, study: Study, away: dict[int, bytes], proxy: BadS3) -> None:
        waiting = recall(study)

        assert (waiting.state, waiting.attempts) == (MoveState.WAITING, 0)
        assert waiting.last_error == (
            "Cloud has it in cold storage and was asked for it; usually ready within 3 to 5 hours."
        )
        assert waiting.restore_asked_at is not None
        assert timezone.now() < waiting.next_attempt_at < timezone.now() + timedelta(minutes=10)
        assert (waiting.lease_token, files()) == ("", {})
        assert proxy.asked("POST", "?restore") == 2  # of each object once

        go_on()
        waiting.refresh_from_db()
        assert (waiting.state, waiting.attempts) == (MoveState.WAITING, 0)
        assert proxy.asked("POST", "?restore") == 2

        proxy.restored()
        go_on()
        waiting.refresh_from_db()
        assert (waiting.state, waiting.last_error, files()) == (MoveState.DONE, "", away)

    def test_a_service_that_does_not_say_that_it_is_at_it(
        self, study: Study, away: dict[int, bytes], proxy: BadS3
    ) -> None:
        def after(call: Call, back: Back) -> Back:
            back.headers.pop("x-amz-restore", None)
            return back

        proxy.after = after
        recall(study)
        go_on()  # RestoreAlreadyInProgress
        assert Move.objects.filter(state=MoveState.WAITING, attempts=0).count() == 1

    def test_one_that_refuses(self, study: Study, away: dict[int, bytes], proxy: BadS3) -> None:
        proxy.before = times(1_000, refusal(403, "AccessDenied"), "POST")
        waiting = recall(study)
        assert (waiting.state, waiting.attempts) == (MoveState.COPYING, 1)
        assert "AccessDenied" in waiting.last_error

    def test_what_a_lifecycle_has_put_there(self, study: Study, cloud: Location, proxy: BadS3, outside: Any) -> None:
        before = files()
        move(study, Tier.ARCHIVE)
        proxy.has_cold_storage = True
        lifecycle(outside, "DEEP_ARCHIVE")

        waiting = recall(study)
        assert waiting.last_error.endswith("usually ready within 12 hours.")
        proxy.restored()
        go_on()
        assert files() == before

    def test_another_copy_that_can_be_read_now(
        self, study: Study, away: dict[int, bytes], proxy: BadS3, elsewhere: Any
    ) -> None:
        disk = folder_location(elsewhere, "disk", Tier.ARCHIVE)
        proxy.restored()
        first = recall(study)
        proxy.restored()
        go_on()
        first.refresh_from_db()
        assert first.state == MoveState.DONE
        Location.objects.exclude(pk=disk.pk).update(is_enabled=False)
        move(study, Tier.ARCHIVE)  # to the disk
        proxy.restores.clear()
        proxy.calls.clear()

        assert recall(study).state == MoveState.DONE
        assert files() == away
        assert proxy.asked("POST", "?restore") == 0

    def test_to_another_slow_tier(self, study: Study, away: dict[int, bytes], proxy: BadS3, cold: Location) -> None:
        asked = ask_for_move(study, Tier.COLD, by="test")
        work(seconds=60)
        asked.refresh_from_db()
        assert "was asked for it" in asked.last_error
        proxy.restored()
        go_on()
        asked.refresh_from_db()
        assert asked.state == MoveState.DONE
        assert Instance.objects.filter(tier=Tier.COLD).count() == 6

    def test_it_can_be_cancelled(self, study: Study, away: dict[int, bytes]) -> None:
        waiting = recall(study)
        answer = client_of("operator").post(f"{V1}/moves/{waiting.pk}/cancel")
        assert answer.json()["state"] == "cancelled"

    def test_put_away_again_without_reading_it(self, study: Study, away: dict[int, bytes], proxy: BadS3) -> None:
        recall(study)
        proxy.restored()
        go_on()
        proxy.restores.clear()  # the days are over
        a_month_passes()
        proxy.calls.clear()
        assert move(study, Tier.ARCHIVE).state == MoveState.DONE
        assert (files(), proxy.asked("PUT"), proxy.asked("POST")) == ({}, 0, 0)


class TestWhatIsSaid:
    def test_when_it_can_be_read(self, study: Study, away: dict[int, bytes]) -> None:
        waiting = recall(study)
        expected = Forecast().recall_seconds(waiting)
        assert expected is not None
        assert 4.9 * HOUR < expected <= 5 * HOUR
        Move.objects.update(restore_asked_at=timezone.now() - timedelta(hours=2))
        said = client_of("viewer").get(f"{V1}/moves/{waiting.pk}").json()
        assert 2.9 * HOUR < said["expected_seconds"] <= 3 * HOUR
        assert "usually ready" in said["last_error"]

    def test_as_the_location_knows_it(self, study: Study, away: dict[int, bytes]) -> None:
        Location.objects.update(expected_latency_seconds=600)
        expected = Forecast().recall_seconds(recall(study))
        assert expected is not None
        assert 590 < expected <= 600

    def test_readers_are_told_when_to_come_again(self, study: Study, away: dict[int, bytes]) -> None:
        uid = study.study_instance_uid
        for _ in range(2):
            answer = client_of("viewer").get(f"/dicom-web/studies/{uid}", HTTP_ACCEPT="multipart/related")
            assert answer.status_code == 503
            assert 4.9 * HOUR < int(answer["Retry-After"]) <= 5 * HOUR

    def test_deep_archive_is_never_expedited(self, study: Study, glacier: Location) -> None:
        wrong = {"storage_class": "DEEP_ARCHIVE", "restore_speed": "Expedited"}
        answer = client_of("administrator").patch(f"{V1}/tiers/{glacier.pk}", wrong, format="json")
        assert answer.status_code == 400
        assert "restore_speed" in answer.content.decode()


class TestScrub:
    def test_nothing_is_restored(self, study: Study, away: dict[int, bytes], proxy: BadS3) -> None:
        a_month_passes()
        scrub(seconds=60)
        assert proxy.asked("POST") == 0
        assert not Damage.objects.exists()
        for pack in Pack.objects.all():
            assert pack.note == "In cold storage: not read, its SHA-256 is as the service says."
            assert pack.verified_at is not None
            assert pack.verified_at > timezone.now() - timedelta(days=1)

    def test_of_what_a_lifecycle_has_put_there_only_the_size_is_known(
        self, study: Study, cloud: Location, proxy: BadS3, outside: Any
    ) -> None:
        move(study, Tier.ARCHIVE)
        proxy.has_cold_storage = True
        lifecycle(outside, "GLACIER")
        a_month_passes()
        scrub(seconds=60)
        assert set(Pack.objects.values_list("note", flat=True)) == {
            "In cold storage: not read, its size is as the service says."
        }

    def test_what_is_gone_is_found(self, study: Study, away: dict[int, bytes], outside: Any) -> None:
        outside.delete_object(Bucket="images", Key=keys(outside)[0])
        a_month_passes()
        scrub(seconds=60)
        assert Pack.objects.filter(state=PackState.DAMAGED).count() == 1
        assert Damage.objects.filter(repaired_at=None).exists()
        assert Copy.objects.count() == 6


def lifecycle(outside: Any, storage_class: str) -> None:
    """The bucket's own rule has moved every object to another class."""
    for key in keys(outside):
        place = {"Bucket": "images", "Key": key}
        outside.copy_object(**place, CopySource=place, StorageClass=storage_class)
