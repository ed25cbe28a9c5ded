"""Pages of tiers: what they show, what they take, and who may."""

from pathlib import Path

import pytest
from django.test import Client
from django.utils import timezone

from studies.models import Study, Tier
from tests.factories import UserFactory
from tests.tiering.test_moves import go_on
from tiering.damage import damage_of_file
from tiering.models import Location, Move, MoveState, Policy, Reason
from tiering.policies import apply_all

pytestmark = pytest.mark.django_db


@pytest.fixture
def administrator() -> Client:
    return signed_in("administrator")


def signed_in(role: str) -> Client:
    client = Client()
    client.force_login(UserFactory.create(role=role))
    return client


def good(disk: Path) -> dict[str, str]:
    return {
        "name": "Cold", "tier": "cold", "path": str(disk), "location_type": "edge", "cost_per_gb_month": "0.02",
        "cost_per_gb_read": "0", "expected_latency_seconds": "0", "timeout_seconds": "30", "is_enabled": "on",
    }  # fmt: skip


def text(client: Client, address: str) -> str:
    return client.get(address).content.decode()


def test_empty_teaches(administrator: Client) -> None:
    assert "Everything is on the hot disk" in text(administrator, "/tiers/")
    assert "Nothing is under way" in text(administrator, "/tiers/moves/")


def test_a_location_is_added_tested_and_changed(administrator: Client, elsewhere: Path) -> None:
    wrong = administrator.post("/tiers/new/", good(elsewhere) | {"path": "cold"}).content.decode()
    assert "whole path of a folder" in wrong
    added = administrator.post("/tiers/new/", good(elsewhere), follow=True).content.decode()
    assert "Cold is added" in added
    location = Location.objects.get()
    tried = administrator.post(f"/tiers/{location.pk}/test/", HTTP_HX_REQUEST="true").content.decode()
    assert "works" in tried
    administrator.post(f"/tiers/{location.pk}/", good(elsewhere) | {"name": "Colder", "is_enabled": ""})
    location.refresh_from_db()
    assert (location.name, location.is_enabled) == ("Colder", False)


def test_a_bucket_keeps_its_secret_key_when_it_is_changed(administrator: Client) -> None:
    given = good(Path("radiology")) | {
        "name": "Cloud", "tier": "archive", "bucket": "images", "access_key": "k", "secret_key": "geheim",
        "endpoint_url": "https://s3.example", "location_type": "cloud", "restore_speed": "Standard",
        "restore_days": "3",
    }  # fmt: skip
    administrator.post("/tiers/new/?kind=s3", given)
    location = Location.objects.get()
    assert "geheim" not in text(administrator, f"/tiers/{location.pk}/")
    before = location.secret_key
    administrator.post(f"/tiers/{location.pk}/", given | {"secret_key": "", "name": "Clouds"})
    location.refresh_from_db()
    assert (location.name, location.secret_key) == ("Clouds", before)
    moved = given | {"secret_key": "", "endpoint_url": "https://thief.example"}
    assert "entered for another address" in administrator.post(f"/tiers/{location.pk}/", moved).content.decode()


def test_a_study_is_moved_from_its_page(study: Study, cold: Location) -> None:
    operator = signed_in("operator")
    page = f"/studies/{study.study_instance_uid}/"
    assert 'value="cold"' in text(operator, page)

    answer = operator.post(f"{page}move/", {"tier": "cold"}, follow=True).content.decode()

    assert "The study goes to the tier cold" in answer
    assert "going to cold" in answer
    assert "under way" in text(operator, "/tiers/").lower()
    go_on()
    assert "<dd>Cold" in text(operator, page)
    assert "Done" in text(operator, "/tiers/moves/?tab=done")
    refused = operator.post(f"{page}move/", {"tier": "archive"}, follow=True).content.decode()
    assert "add one under Tiers" in refused


def test_a_download_of_what_is_away_says_that_it_comes(study: Study, cold: Location) -> None:
    Move.objects.create(study=study, to_tier=Tier.COLD, requested_by="x")
    go_on()
    answer = signed_in("viewer").get(f"/studies/{study.study_instance_uid}/archive.zip")
    assert (answer.status_code, answer["Retry-After"]) == (503, "30")
    assert "on its way back" in answer.content.decode()
    assert Move.objects.filter(to_tier=Tier.HOT).exists()


def test_a_failed_move_is_tried_again(study: Study, cold: Location, administrator: Client) -> None:
    failed = Move.objects.create(
        study=study, to_tier=Tier.COLD, requested_by="x", state=MoveState.FAILED, reason=Reason.RULE
    )
    administrator.post(f"/tiers/moves/{failed.pk}/retry/")
    again = Move.objects.get(state=MoveState.WAITING)
    assert again.reason == Reason.RULE
    administrator.post(f"/tiers/moves/{again.pk}/cancel/")
    again.refresh_from_db()
    assert again.state == MoveState.CANCELLED


def test_one_that_holds_copies_is_not_deleted(study: Study, cold: Location, administrator: Client) -> None:
    Move.objects.create(study=study, to_tier=Tier.COLD, requested_by="x")
    go_on()
    assert "Turn it off instead" in text(administrator, f"/tiers/{cold.pk}/delete/")
    administrator.post(f"/tiers/{cold.pk}/delete/")
    assert Location.objects.exists()


def test_what_is_damaged_is_shown(study: Study, administrator: Client) -> None:
    assert "Damaged" not in text(administrator, "/tiers/")
    damage_of_file(study.series.earliest("pk").instances.earliest("pk"), "the SHA-256 of its data set differs")
    page = text(administrator, "/tiers/")
    assert "the SHA-256 of its data set differs" in page
    assert f"/studies/{study.study_instance_uid}/" in page


@pytest.mark.parametrize(
    ("address", "least"),
    [
        ("/tiers/new/", "administrator"),
        ("/tiers/{pk}/", "administrator"),
        ("/tiers/{pk}/delete/", "administrator"),
        ("/tiers/{pk}/test/", "operator"),
        ("/studies/1.1/move/", "operator"),
        ("/tiers/moves/1/cancel/", "operator"),
        ("/tiers/moves/1/retry/", "operator"),
    ],
)
def test_who_may(study: Study, cold: Location, address: str, least: str) -> None:
    roles = ["viewer", "operator", "administrator"]
    for role in roles[: roles.index(least)]:
        assert signed_in(role).post(address.format(pk=cold.pk)).status_code == 403
    assert signed_in(least).post(address.format(pk=cold.pk)).status_code != 403


class TestPolicies:
    GOOD = {"name": "Old", "from_tier": "hot", "to_tier": "cold", "at_once": "10", "older_than_days": "0"}

    def test_one_is_added_shown_and_turned_on(self, study: Study, cold: Location, administrator: Client) -> None:
        shown = administrator.post("/tiers/policies/new/", self.GOOD | {"modalities": "CT, MR"}, follow=True)
        html = shown.content.decode()
        assert "Old is added" in html
        assert "CT, MR" in html
        policy = Policy.objects.get()
        assert policy.conditions == {"older_than_days": 0, "modalities": ["CT", "MR"]}
        assert not policy.is_enabled
        administrator.post(f"/tiers/policies/{policy.pk}/edit/", self.GOOD | {"is_enabled": "on"})
        assert "1 study" in text(signed_in("viewer"), f"/tiers/policies/{policy.pk}/")
        assert "Old" in text(administrator, "/tiers/")
        apply_all(timezone.now())
        go_on()
        assert "It would move nothing now" in text(administrator, f"/tiers/policies/{policy.pk}/")
        administrator.post(f"/tiers/policies/{policy.pk}/delete/")
        assert not Policy.objects.exists()

    @pytest.mark.parametrize(
        ("field", "values", "words"),
        [
            ("to_tier", {"to_tier": "hot"}, "another tier"),
            ("until_percent", {"until_percent": "50"}, "needs above_percent"),
            ("above_percent", {"above_percent": "500"}, "from 1 to 100"),
            ("smaller_than_mb", {"smaller_than_mb": "1", "larger_than_mb": "2"}, "no study is both"),
            ("runs_from", {"runs_from": "26:00"}, "valid time"),
        ],
    )
    def test_what_is_wrong_is_said(self, administrator: Client, field: str, values: dict[str, str], words: str) -> None:
        html = administrator.post("/tiers/policies/new/", self.GOOD | values).content.decode()
        assert words in html, field
        assert not Policy.objects.exists()
