"""What keeping all of it costs, what policies saved of that, and the samples of each day."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from studies.models import Study, Tier
from tests.factories import LocationFactory, MoveFactory, PackFactory, PolicyFactory, StudyFactory, UserFactory
from tiering.costs import costs
from tiering.models import Move, MoveState, Reason, SampleOf, TierSample
from tiering.samples import KEPT, take_samples
from tiering.savings import Saved, saved_as_noted, saved_now

pytestmark = pytest.mark.django_db
GB = 10**9
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def prices(settings: Settings) -> None:
    settings.GANTRY = replace(settings.GANTRY, hot_cost_per_gb_month=Decimal("0.10"))


def kept(tier: str, size: int, source: str = "CT1", *, price: str = "0.01") -> Study:
    """A study of so many bytes, in two packs of one location where it is away."""
    study: Study = StudyFactory.create(tier=tier, size_bytes=size, calling_ae_title=source)
    if tier != Tier.HOT:
        location = LocationFactory.create(tier=tier, cost_per_gb_month=Decimal(price))
        for part in (size // 4, size - size // 4):
            PackFactory.create(study=study, location=location, size_bytes=part)
    return study


def moved_by(policy: object, study: Study, **values: object) -> Move:
    given = {"state": MoveState.DONE, "reason": Reason.POLICY, "to_tier": study.tier, "switched_at": NOON}
    move: Move = MoveFactory.create(study=study, policy=policy, **(given | values))
    return move


class TestCosts:
    def test_by_tier_location_and_source(self) -> None:
        kept(Tier.HOT, 40 * GB, "CT1")
        kept(Tier.COLD, 100 * GB, "CT1")
        kept(Tier.ARCHIVE, 200 * GB, "MR1", price="0.001")

        found = costs()

        assert [(cost.key, cost.studies, cost.size_bytes, cost.per_month) for cost in found.tiers] == [
            ("hot", 1, 40 * GB, Decimal("4.00")),
            ("cold", 1, 100 * GB, Decimal("1.00")),
            ("archive", 1, 200 * GB, Decimal("0.200")),
        ]
        assert [(cost.key, cost.kept_bytes, cost.per_month) for cost in found.sources] == [
            ("CT1", 140 * GB, Decimal("5.00")),
            ("MR1", 200 * GB, Decimal("0.200")),
        ]
        assert sorted((use.packs, use.cost_per_month) for use in found.locations) == [
            (2, Decimal("0.200")),
            (2, Decimal("1.00")),
        ]
        assert (found.per_month, found.size_bytes) == (Decimal("5.200"), 340 * GB)

    def test_what_was_brought_back_is_paid_for_twice(self) -> None:
        study = kept(Tier.COLD, 10 * GB)
        Study.objects.filter(pk=study.pk).update(tier=Tier.HOT)
        assert costs().per_month == Decimal("1.10")
        assert costs().size_bytes == 10 * GB

    def test_no_instance_is_read(self) -> None:
        kept(Tier.COLD, GB)
        with CaptureQueriesContext(connection) as queries:
            costs()
        assert len(queries) == 5
        assert not any("studies_instance" in query["sql"] for query in queries)


class TestSavings:
    def test_what_lies_where_a_policy_moved_it(self) -> None:
        policy = PolicyFactory.create()
        moved_by(policy, kept(Tier.COLD, 100 * GB))
        moved_by(policy, kept(Tier.COLD, 20 * GB), state=MoveState.SWITCHED)
        moved_by(policy, kept(Tier.HOT, 20 * GB), to_tier=Tier.COLD)  # somebody brought it back
        moved_by(policy, kept(Tier.HOT, 20 * GB), to_tier=Tier.COLD, state=MoveState.FAILED)
        assert saved_now() == {policy.pk: Saved(2, 120 * GB, Decimal("10.80"))}

    def test_what_went_twice_counts_once_for_whoever_decided_last(self) -> None:
        first, second = PolicyFactory.create(), PolicyFactory.create()
        study = kept(Tier.COLD, 10 * GB)
        moved_by(first, study)
        moved_by(second, study)
        moved_by(None, study, reason=Reason.LATE)
        moved_by(None, study, reason=Reason.CACHE)
        found = saved_now()
        assert (found[first.pk].studies, found[second.pk].studies) == (0, 1)
        moved_by(None, study, reason=Reason.PERSON)
        assert saved_now()[second.pk].studies == 0

    def test_what_goes_to_a_dearer_tier_costs_more(self) -> None:
        policy = PolicyFactory.create(from_tier=Tier.COLD, to_tier=Tier.HOT)
        moved_by(policy, kept(Tier.HOT, 10 * GB))
        assert saved_now()[policy.pk].per_month == Decimal("-1.0")


class TestSamples:
    def test_a_day_is_written_once_however_often_it_is_looked_at(self) -> None:
        kept(Tier.COLD, 10 * GB)
        moved_by(PolicyFactory.create(), Study.objects.get())
        assert take_samples(NOON) == 6  # three tiers, a source, a location, a policy
        kept(Tier.HOT, 30 * GB)
        take_samples(NOON + timedelta(hours=1))
        assert TierSample.objects.count() == 6
        hot = TierSample.objects.get(what=SampleOf.TIER, key="hot")
        assert (hot.size_bytes, hot.per_month) == (30 * GB, Decimal("3.00"))
        assert hot.used_bytes
        take_samples(NOON + timedelta(days=1))
        assert TierSample.objects.count() == 12

    def test_old_days_go(self) -> None:
        TierSample.objects.create(on=(NOON - KEPT).date(), what=SampleOf.TIER, key="hot")
        TierSample.objects.create(on=(NOON - KEPT).date() - timedelta(days=1), what=SampleOf.TIER, key="hot")
        take_samples(NOON)
        assert TierSample.objects.order_by("on")[0].on == (NOON - KEPT).date()

    def test_what_was_saved_adds_up(self) -> None:
        policy = PolicyFactory.create()
        moved_by(policy, kept(Tier.COLD, 100 * GB))
        for day in range(61):
            take_samples(NOON + timedelta(days=day))
        assert saved_as_noted()[policy.pk].so_far == pytest.approx(Decimal("18.04"), abs=Decimal("0.01"))


class TestPage:
    def test_it_forecasts_from_the_samples(self, client: Client) -> None:
        client.force_login(UserFactory.create(role="viewer"))
        location = LocationFactory.create(capacity_bytes=1000 * GB, name="Basement")
        PackFactory.create(location=location, size_bytes=500 * GB)
        html = client.get("/tiers/cost/").content.decode()
        assert "too little history: 0 days known, 8 are needed" in html
        assert "Nothing is noted yet" in html
        today = timezone.localdate()
        for day in range(40):
            on, used = today - timedelta(days=day), (500 - 5 * day) * GB
            TierSample.objects.create(
                on=on, what=SampleOf.LOCATION, key=str(location.pk), size_bytes=used, used_bytes=used
            )
            TierSample.objects.create(on=on, what=SampleOf.TIER, key="hot", size_bytes=GB, used_bytes=GB)
        html = client.get("/tiers/cost/").content.decode()
        assert f"about {(today + timedelta(days=100)).isoformat()}, in 100 days" in html
        assert "+5.0 GB" in html
        assert "+35 GB a week" in html
        assert "not filling" in html

    def test_a_policy_says_what_it_saved(self, client: Client) -> None:
        client.force_login(UserFactory.create(role="viewer"))
        policy = PolicyFactory.create(name="Old ones")
        moved_by(policy, kept(Tier.COLD, 100 * GB))
        take_samples(timezone.now())
        for page in ("/tiers/cost/", f"/tiers/policies/{policy.pk}/"):
            html = client.get(page).content.decode()
            assert "9.00" in html
            assert "100 GB" in html
