"""Pages of what was: tier changes with filters and CSV, on the study's page, and damage that was found and repaired."""

import csv
import io

import pytest
from django.test import Client
from django.urls import reverse

from studies.models import Study, Tier
from tests.factories import DamageFactory, PolicyFactory, StudyFactory, TierChangeFactory, UserFactory
from tests.tiering.test_moves import move
from tiering.damage import damage_of_file, repaired
from tiering.models import Location, TierChange

pytestmark = pytest.mark.django_db


@pytest.fixture
def viewer(client: Client) -> Client:
    client.force_login(UserFactory.create(role="viewer"))
    return client


def html(client: Client, address: str) -> str:
    return client.get(address).content.decode()


class TestTierChanges:
    def test_of_one_study_on_its_page(self, study: Study, cold: Location, viewer: Client) -> None:
        address = f"/studies/{study.study_instance_uid}/"
        assert "Tier changes" not in html(viewer, address)
        move(study, Tier.COLD)
        shown = html(viewer, address).split('id="changes-title"')[1].split("</table>")[0]
        assert "<td>Hot</td>" in shown
        assert "<td>test</td>" in shown

    def test_filters(self, viewer: Client) -> None:
        PolicyFactory.create(name="Old ones")
        for by, from_tier, to_tier, policy in (
            ("anna", "hot", "cold", ""),
            ("policy Old ones", "hot", "archive", "Old ones"),
            ("a reader", "cold", "hot", ""),
        ):
            TierChangeFactory.create(requested_by=by, from_tier=from_tier, to_tier=to_tier, policy_name=policy)
        for query, expected in (
            ("", {"anna", "policy Old ones", "a reader"}),
            ("?from=hot", {"anna", "policy Old ones"}),
            ("?to=hot", {"a reader"}),
            ("?policy=Old+ones", {"policy Old ones"}),
            ("?from=hot&to=cold", {"anna"}),
            ("?from=lukewarm", {"anna", "policy Old ones", "a reader"}),
            ("?policy=gone", set()),
        ):
            page = html(viewer, f"/tiers/changes/{query}")
            lines = b"".join(viewer.get(f"/tiers/changes.csv{query}").streaming_content).decode()  # type: ignore[attr-defined]
            rows = list(csv.DictReader(io.StringIO(lines)))
            assert {row["requested_by"] for row in rows} == expected, query
            assert {each for each in ("anna", "policy Old ones", "a reader") if f"<td>{each}</td>" in page} == expected

    def test_csv_names_no_patient_and_has_no_formula(self, viewer: Client) -> None:
        study = StudyFactory.create(patient_name="Doe^Jane")
        TierChangeFactory.create(study=study, requested_by="=HYPERLINK(1)")
        answer = viewer.get("/tiers/changes.csv")
        lines = b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]
        assert answer["Content-Disposition"] == 'attachment; filename="tier-changes.csv"'
        assert "'=HYPERLINK(1)" in lines
        assert study.study_instance_uid in lines
        assert "Doe" not in lines

    def test_it_pages(self, viewer: Client) -> None:
        TierChangeFactory.create_batch(51)
        assert html(viewer, "/tiers/changes/?page=2").count('data-row href="/studies/') == 1

    def test_empty(self, viewer: Client) -> None:
        assert "No study has changed its tier" in html(viewer, "/tiers/changes/")
        assert "No change is so" in html(viewer, "/tiers/changes/?to=hot")
        assert TierChange.objects.count() == 0


class TestDamage:
    def test_what_was_found_and_how_it_was_repaired(self, study: Study, viewer: Client) -> None:
        assert "Nothing is damaged" in html(viewer, "/tiers/damage/")
        assert "Nothing had to be repaired" in html(viewer, "/tiers/damage/?tab=repaired")
        damage = damage_of_file(study.series.earliest("pk").instances.earliest("pk"), "its SHA-256 differs")
        page = html(viewer, "/tiers/damage/?tab=open")
        assert "its SHA-256 differs" in page
        assert f"/studies/{study.study_instance_uid}/" in page
        repaired(damage, "From a pack in Basement.")
        assert "its SHA-256 differs" not in html(viewer, "/tiers/damage/?tab=open")
        for tab in ("repaired", "all", "nonsense"):
            page = html(viewer, f"/tiers/damage/?tab={tab}")
            assert "From a pack in Basement." in page
            assert "is-ok" in page


@pytest.mark.parametrize("model", ["damage", "move", "pack", "tierchange", "tiersample", "locationslot"])
def test_admin_shows_and_does_not_edit(model: str, client: Client) -> None:
    client.force_login(UserFactory.create(role="administrator"))
    DamageFactory.create()
    TierChangeFactory.create()
    assert client.get(reverse(f"admin:tiering_{model}_changelist")).status_code == 200
    assert client.get(reverse(f"admin:tiering_{model}_add")).status_code == 403
    damage = reverse("admin:tiering_damage_change", args=[DamageFactory.create().pk])
    assert 'type="submit"' not in client.get(damage).content.decode().split('id="damage_form"')[-1].split("</form>")[0]
