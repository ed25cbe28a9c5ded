"""Rules that name a tier, or want a patient's earlier studies at hand."""

from typing import Any

import pytest
from django.utils import timezone

from routing.models import Rule
from routing.plan import plan_all
from routing.rules import save_rule
from studies.models import Instance, Study, Tier
from tests.factories import StudyFactory
from tests.tiering.test_moves import files, go_on
from tiering.models import Location, Move, MoveState

pytestmark = pytest.mark.django_db


def rule(*actions: dict[str, Any]) -> None:
    save_rule(Rule(name="shelve", actions=list(actions)), destinations=[])


def plan() -> None:
    Instance.objects.update(planned_at=None)
    plan_all()


class TestSetTier:
    def test_the_study_goes_once_it_is_complete(self, study: Study, cold: Location) -> None:
        Study.objects.update(completed_at=None)
        rule({"action": "set_tier", "tier": "cold"})
        plan()
        go_on()
        move = Move.objects.get()
        assert (move.requested_by, move.last_error) == ("rule shelve", "It waits until the study is complete.")
        assert len(files()) == 6

        Study.objects.update(completed_at=timezone.now())
        go_on()
        assert files() == {}
        assert Move.objects.get().state == MoveState.DONE

    def test_a_tier_without_location_stops_nothing(self, study: Study, caplog: pytest.LogCaptureFixture) -> None:
        rule({"action": "set_tier", "tier": "archive"})
        plan()
        assert not Instance.objects.filter(planned_at=None).exists()
        assert not Move.objects.exists()
        assert "a rule's tier cannot be had" in caplog.text


class TestFetchPriors:
    def test_the_latest_that_are_away(self, study: Study) -> None:
        rule({"action": "fetch_priors", "count": 2})
        same = {"patient_id": study.patient_id, "issuer_of_patient_id": study.issuer_of_patient_id}
        oldest: Any = StudyFactory(**same, study_date="20200101", tier=Tier.COLD)
        older: Any = StudyFactory(**same, study_date="20210101", tier=Tier.ARCHIVE)
        here: Any = StudyFactory(**same, study_date="20220101")
        stranger: Any = StudyFactory(patient_id=study.patient_id, issuer_of_patient_id="OTHER", tier=Tier.COLD)

        plan()

        assert list(Move.objects.values_list("study", "to_tier", "priority")) == [(older.pk, Tier.HOT, 1)]
        assert {oldest.pk, here.pk, stranger.pk}.isdisjoint(Move.objects.values_list("study", flat=True))

    def test_nobody_has_the_priors_of_nobody(self, study: Study) -> None:
        Study.objects.update(patient_id="")
        StudyFactory(patient_id="", issuer_of_patient_id=study.issuer_of_patient_id, tier=Tier.COLD)
        rule({"action": "fetch_priors"})
        plan()
        assert not Move.objects.exists()
