"""The API of tiers: locations, moves, and where a study is."""

from pathlib import Path
from typing import Any

import pytest

from studies import usage
from studies.models import Instance, Study, Tier
from tests.api_clients import V1, client_of
from tests.tiering.test_moves import files, go_on
from tiering.models import Location, Move, MoveState

pytestmark = pytest.mark.django_db


def folder(elsewhere: Path, **more: Any) -> dict[str, Any]:
    return {"name": "Cold", "tier": "cold", "kind": "filesystem", "path": str(elsewhere)} | more


class TestLocations:
    def test_a_folder(self, elsewhere: Path) -> None:
        made = client_of("administrator").post(
            f"{V1}/tiers", folder(elsewhere, cost_per_gb_month="0.02"), format="json"
        )
        assert made.status_code == 201, made.content
        tried = client_of("operator").post(f"{V1}/tiers/{made.json()['id']}/test")
        assert tried.json()["is_usable"], tried.content
        assert list(elsewhere.glob("*")) == []

    def test_a_bucket_keeps_its_secret_to_itself(self) -> None:
        bucket = {
            "name": "Cloud", "tier": "archive", "kind": "s3", "bucket": "images", "access_key": "k",
            "secret_key": "geheim", "endpoint_url": "https://s3.example", "location_type": "cloud",
        }  # fmt: skip
        made = client_of("administrator").post(f"{V1}/tiers", bucket, format="json")
        assert made.status_code == 201, made.content
        assert "geheim" not in made.content.decode()
        assert made.json()["has_secret_key"]
        assert "geheim" not in Location.objects.get().secret_key

    @pytest.mark.parametrize(
        ("field", "values"),
        [
            ("tier", {"tier": "hot"}),
            ("tier", {"tier": "lukewarm"}),
            ("path", {"path": "relative/path"}),
            ("path", {"path": "/etc/gantry"}),
            ("path", {"path": ""}),
            ("bucket", {"bucket": "images"}),
            ("bucket", {"kind": "s3", "bucket": "X", "path": ""}),
            ("secret_key", {"kind": "s3", "bucket": "images", "access_key": "k", "path": ""}),
            ("endpoint_url", {"kind": "s3", "bucket": "images", "path": "", "endpoint_url": "http://169.254.169.254"}),
            ("cost_per_gb_month", {"cost_per_gb_month": "-1"}),
            ("unknown", {"unknown": 1}),
        ],
    )
    def test_what_is_wrong_is_said_by_field(self, elsewhere: Path, field: str, values: dict[str, Any]) -> None:
        answer = client_of("administrator").post(f"{V1}/tiers", folder(elsewhere) | values, format="json")
        assert answer.status_code == 400
        assert field in answer.json()["errors"]

    def test_what_holds_copies_stays_where_it_is(self, study: Study, cold: Location, elsewhere: Path) -> None:
        Move.objects.create(study=study, to_tier=Tier.COLD, requested_by="x")
        go_on()
        one = f"{V1}/tiers/{cold.pk}"
        moved = client_of("administrator").patch(one, {"path": str(elsewhere / "other")}, format="json")
        assert moved.status_code == 400
        assert client_of("administrator").patch(one, {"is_enabled": False}, format="json").status_code == 200
        assert client_of("administrator").delete(one).status_code == 409


class TestMoves:
    def test_a_study_goes_and_says_where_it_is(self, study: Study, cold: Location) -> None:
        asked = client_of("operator").post(
            f"{V1}/studies/{study.study_instance_uid}/move", {"tier": "cold"}, format="json"
        )
        assert asked.status_code == 202, asked.content
        go_on()
        job = client_of("viewer").get(asked["Location"]).json()
        assert (job["state"], job["to_tier"], job["last_error"]) == ("done", "cold", "")
        where = client_of("viewer").get(f"{V1}/studies/{study.study_instance_uid}/location").json()
        assert (where["tier"], where["location_type"], where["edge_id"]) == ("cold", "edge", "GANTRY")
        assert client_of("viewer").get(f"{V1}/studies?tier=cold").json()["count"] == 1

    @pytest.mark.parametrize(("tier", "status"), [("lukewarm", 400), ("cold", 409), (None, 400), (7, 400)])
    def test_what_cannot_be_asked(self, study: Study, tier: Any, status: int) -> None:
        asked = client_of("operator").post(
            f"{V1}/studies/{study.study_instance_uid}/move", {"tier": tier}, format="json"
        )
        assert asked.status_code == status
        assert "tier" in asked.content.decode()

    def test_a_study_that_is_not_stored(self) -> None:
        assert client_of("operator").post(f"{V1}/studies/9.9/move", {"tier": "cold"}, format="json").status_code == 404

    def test_cancelled_once(self, study: Study, cold: Location) -> None:
        move = Move.objects.create(study=study, to_tier=Tier.COLD, requested_by="x")
        assert client_of("operator").post(f"{V1}/moves/{move.pk}/cancel").json()["state"] == MoveState.CANCELLED
        assert client_of("operator").post(f"{V1}/moves/{move.pk}/cancel").status_code == 409


class TestReading:
    """What is away is asked for, and answered truthfully meanwhile."""

    @pytest.fixture
    def away(self, study: Study, cold: Location) -> Study:
        Move.objects.create(study=study, to_tier=Tier.COLD, requested_by="x")
        go_on()
        assert files() == {}
        return study

    @pytest.mark.parametrize(
        "address",
        [
            "/dicom-web/studies/{study}",
            "/dicom-web/studies/{study}/series/{series}/instances/{instance}",
            "/dicom-web/studies/{study}/metadata",
            "/api/v1/studies/{study}/instances/{instance}/file",
        ],
    )
    def test_503_with_the_time_to_ask_again_and_then_the_bytes(self, away: Study, address: str) -> None:
        instance = Instance.objects.select_related("series").earliest("pk")
        url = address.format(
            study=away.study_instance_uid,
            series=instance.series.series_instance_uid,
            instance=instance.sop_instance_uid,
        )

        first = client_of("viewer").get(url)

        assert first.status_code == 503, first.content
        assert int(first["Retry-After"]) > 0
        assert "recalled" in first.json()["detail"]
        recall = Move.objects.get(to_tier=Tier.HOT)
        assert recall.priority == 1
        go_on()
        second = client_of("viewer").get(url)
        second.close()
        assert second.status_code == 200

    def test_queries_say_that_it_is_near_line(self, away: Study) -> None:
        (found,) = client_of("viewer").get("/dicom-web/studies").json()
        assert found["00080056"]["Value"] == ["NEARLINE"]

    def test_what_is_read_is_used(self, study: Study) -> None:
        assert study.used_at is None
        usage.noted.forget()
        answer: Any = client_of("viewer").get(f"/dicom-web/studies/{study.study_instance_uid}")
        assert b"".join(answer.streaming_content)
        study.refresh_from_db()
        assert study.used_at is not None
