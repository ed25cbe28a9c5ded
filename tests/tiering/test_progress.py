"""How far a move is, what is in front of it, and what its pages and the API say of that."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from gateway.viewer import page
from gateway.viewer.bundle import Bundle
from studies.models import Study, Tier
from tests.api_clients import V1, client_of
from tests.factories import LocationFactory, MoveFactory, PackFactory, SeriesFactory, StudyFactory, UserFactory
from tiering.forecast import Forecast, Progress, in_words
from tiering.models import Move, MoveState, Reason
from tiering.next_step import next_step

pytestmark = pytest.mark.django_db
MB = 1_000_000


def recalled(size: int = 100 * MB, **values: Any) -> Move:
    """A recall of a study of so many bytes."""
    study = StudyFactory.create(tier=Tier.COLD, size_bytes=size)
    given = {"to_tier": Tier.HOT, "priority": 1, "requested_by": "a reader", "reason": Reason.READING}
    move: Move = MoveFactory.create(study=study, **(given | values))
    return move


def past(bytes_per_second: int) -> None:
    ended = timezone.now() - timedelta(days=1)
    recalled(
        state=MoveState.DONE, done_bytes=10 * bytes_per_second, started_at=ended - timedelta(seconds=10),
        finished_at=ended,
    )  # fmt: skip


class TestForecast:
    def test_nothing_is_known_before_the_first_recall(self) -> None:
        assert Forecast().of(recalled()) == Progress(None, None, None, 0)

    def test_what_waits_takes_what_is_before_it_as_well(self) -> None:
        past(10 * MB)
        first, second = recalled(), recalled()
        assert Forecast().of(first).expected_seconds == pytest.approx(10)
        found = Forecast().of(second)
        assert found.expected_seconds == pytest.approx(20)
        assert found.ahead == 1

    def test_what_is_asked_for_by_policies_is_not_before_a_recall(self) -> None:
        past(10 * MB)
        MoveFactory.create(priority=5)
        assert Forecast().of(recalled()).ahead == 0

    def test_a_slow_location_takes_its_time_to_begin(self) -> None:
        past(10 * MB)
        move = recalled()
        PackFactory.create(study=move.study, location=LocationFactory.create(expected_latency_seconds=3600))
        assert 3600 < (Forecast().of(move).expected_seconds or 0) <= 3610

    def test_what_copies_goes_by_its_own_speed(self) -> None:
        past(1)
        began = timezone.now() - timedelta(hours=2)
        move = recalled(state=MoveState.COPYING, started_at=began, total_bytes=100 * MB, done_bytes=40 * MB)
        found = Forecast().of(move)
        assert (found.percent, found.ahead) == (40, None)
        assert found.bytes_per_second == pytest.approx(40 * MB / 7200, rel=0.1)
        assert found.expected_seconds == pytest.approx(3 * 3600, rel=0.1)

    def test_what_has_ended(self) -> None:
        assert Forecast().of(recalled(state=MoveState.DONE)) == Progress(100, None, None, None)
        failed = recalled(state=MoveState.FAILED, total_bytes=100, done_bytes=50)
        assert Forecast().of(failed) == Progress(50, None, None, None)

    @pytest.mark.parametrize(
        ("seconds", "words"),
        [
            (0.2, "less than a minute"),
            (125, "about 2 min"),
            (3 * 3600, "about 3 h"),
            (5 * 86_400, "about 5 days"),
        ],
    )
    def test_words(self, seconds: float, words: str) -> None:
        assert in_words(seconds) == words


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (
            {"state": MoveState.FAILED, "last_error": "instance 3 has no copy that is what was acknowledged"},
            "sent again",
        ),
        (
            {"state": MoveState.FAILED, "last_error": "Cloud: the access key may not do that"},
            "access key or the bucket",
        ),
        ({"state": MoveState.FAILED, "last_error": "the hot store cannot be changed: No space"}, "hot store's disk"),
        ({"state": MoveState.FAILED, "last_error": "Basement: it is away"}, "Press Test"),
        ({"state": MoveState.WAITING, "attempts": 2, "last_error": "Basement: it is away"}, "tried again by itself"),
        ({"state": MoveState.WAITING}, ""),
        ({"state": MoveState.DONE, "attempts": 2}, ""),
    ],
)
def test_what_to_do_next(values: dict[str, Any], words: str) -> None:
    found = next_step(Move(**values))
    assert words in found
    assert bool(found) == bool(words)


class TestPages:
    @pytest.fixture
    def viewer(self, client: Client) -> Client:
        client.force_login(UserFactory.create(role="viewer"))
        return client

    @pytest.fixture
    def move(self) -> Move:
        past(1 * MB)
        began = timezone.now() - timedelta(hours=1)
        return recalled(state=MoveState.COPYING, started_at=began, total_bytes=160 * MB, done_bytes=20 * MB)

    def test_a_recall_says_how_far_it_is(self, viewer: Client, move: Move) -> None:
        html = viewer.get(f"/tiers/moves/{move.pk}/").content.decode()
        assert "12 %" in html
        assert "about 7 h" in html
        assert "Somebody read the study" in html
        assert "a reader" in html
        assert 'hx-trigger="every 2s, look"' in html
        assert "Cancel" not in html
        Move.objects.update(state=MoveState.DONE)
        assert "hx-trigger" not in viewer.get(f"/tiers/moves/{move.pk}/").content.decode().split('id="move"')[1]

    def test_one_that_failed_says_why_and_what_helps(self, viewer: Client, move: Move) -> None:
        Move.objects.filter(pk=move.pk).update(state=MoveState.FAILED, last_error="Basement: its disk is away.")
        html = viewer.get(f"/tiers/moves/{move.pk}/").content.decode()
        assert "Basement: its disk is away." in html
        assert "Press Test beside the location" in html

    def test_the_study_and_who_waits_for_it_are_told(self, viewer: Client, move: Move) -> None:
        address = f"/studies/{move.study.study_instance_uid}/"
        for path in (address, f"{address}move/state/"):
            html = viewer.get(path).content.decode()
            assert "is being brought back, 12 %, about 7 h" in html
            assert f"/tiers/moves/{move.pk}/" in html
        Move.objects.filter(pk=move.pk).update(state=MoveState.DONE)
        Study.objects.update(tier=Tier.HOT)
        assert "on the tier hot now" in viewer.get(f"{address}move/state/").content.decode()

    def test_the_viewer_asks_for_it_and_says_so(self, viewer: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(page, "bundle", lambda: Bundle("/early.js", "/main.js", "/wasm/"))
        past(1 * MB)
        study = SeriesFactory.create(study=StudyFactory.create(tier=Tier.COLD, size_bytes=120 * MB)).study
        html = viewer.get(f"/viewer/?StudyInstanceUIDs={study}").content.decode()
        assert "it lies on the tier cold and is being brought back, about 2 min" in html
        assert Move.objects.get(study=study).reason == Reason.READING
        Study.objects.update(tier=Tier.HOT)
        assert "it lies on the tier" not in viewer.get(f"/viewer/?StudyInstanceUIDs={study}").content.decode()

    def test_the_api_has_the_same_numbers(self, move: Move) -> None:
        found = client_of("viewer").get(f"{V1}/moves/{move.pk}").json()
        assert (found["percent"], found["ahead"], found["reason"], found["next_step"]) == (12, None, "reading", "")
        assert found["bytes_per_second"] == pytest.approx(20 * MB / 3600, rel=0.1)
        assert found["expected_seconds"] == pytest.approx(7 * 3600, rel=0.1)
        listed = client_of("viewer").get(f"{V1}/moves?state=copying").json()["results"][0]
        assert listed["expected_seconds"] == pytest.approx(7 * 3600, rel=0.1)
        assert "percent" not in listed
