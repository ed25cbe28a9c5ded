"""``manage.py seed``: rows that lists show, and that nothing takes for stored images."""

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db.models import Count, F, Q, Sum
from django.utils import timezone
from prometheus_client import REGISTRY

from gateway.env import Environment
from routing.models import Delivery, Destination
from routing.queue import send_by_hand
from studies.errors import InstanceMissing, InstanceOffline
from studies.integrity import ensure_intact, path_of
from studies.models import Change, Instance, Series, Study, StudyLabel
from studies.seeding.marks import FICTITIOUS
from tests.factories import DestinationFactory, InstanceFactory, LocationFactory, RuleFactory
from tests.retrieving import nobody_hears
from tiering.ask import ask_for_move, recall
from tiering.eligible import movable
from tiering.errors import MoveRefused
from tiering.scrub import scrub

pytestmark = pytest.mark.django_db
FEW = 200


def seed(*options: str) -> str:
    out = StringIO()
    call_command("seed", *options, stdout=out)
    return out.getvalue()


@pytest.fixture
def seeded(home: Environment) -> Study:
    seed("--studies", str(FEW))
    study = Study.objects.order_by("pk").first()
    assert study is not None
    return study


class TestRows:
    def test_counters_are_those_of_the_rows(self, seeded: Study) -> None:
        of_series = Series.objects.annotate(count=Count("instances"), size=Sum("instances__size_bytes"))
        of_study = Study.objects.annotate(
            count=Count("series__instances"),
            size=Sum("series__instances__size_bytes"),
            parts=Count("series", distinct=True),
        )

        assert Study.objects.count() == FEW
        assert not of_series.exclude(number_of_series_related_instances=F("count"), size_bytes=F("size")).exists()
        assert not of_study.exclude(
            number_of_study_related_instances=F("count"),
            number_of_study_related_series=F("parts"),
            size_bytes=F("size"),
        ).exists()

    def test_every_study_says_that_it_is_fictitious(self, seeded: Study) -> None:
        marked = Study.objects.filter(
            labels__label=FICTITIOUS, patient_id__startswith="SEED-", calling_ae_title__startswith="SEED_"
        )

        assert marked.count() == FEW

    def test_nobody_is_told_and_nothing_is_left_to_decide(self, seeded: Study) -> None:
        assert not Change.objects.exists()
        assert not Instance.objects.filter(planned_at=None).exists()
        assert not Study.objects.filter(Q(completed_at=None) | Q(decided_at=None)).exists()
        assert not Series.objects.filter(Q(completed_at=None) | Q(decided_at=None)).exists()

    def test_another_run_goes_on(self, seeded: Study) -> None:
        seed("--studies", "3")
        seed("--studies", "2", "--seed", "7")

        numbers = (
            Study.objects.filter(patient_id__startswith="SEED-1-").order_by("pk").values_list("study_id", flat=True)
        )
        assert list(numbers) == [str(number) for number in range(1, FEW + 4)]
        assert Study.objects.filter(patient_id__startswith="SEED-7-").count() == 2

    def test_arrivals_end_when_that_is_asked(self, home: Environment) -> None:
        seed("--studies", "20", "--until", "2016-12-31")

        assert not Study.objects.filter(study_date__gt="20161231").exists()

    def test_beside_real_studies_only_when_that_is_said(self, home: Environment) -> None:
        InstanceFactory()
        with pytest.raises(CommandError, match="--beside-real"):
            seed("--studies", "1")

        seed("--studies", "1", "--beside-real")

        assert Study.objects.count() == 2

    def test_nothing_where_a_study_may_have_no_instance(self, home: Environment) -> None:
        with pytest.raises(CommandError, match="1 or more"):
            seed("--studies", "1", "--images-per-study", "0")


class TestNothingIsMissing:
    def test_stores_and_database_agree(self, seeded: Study) -> None:
        out = StringIO()
        call_command("verifystore", "--hash", stdout=out)

        assert "agree" in out.getvalue()
        assert not scrub(seconds=5)

    def test_books_add_up(self, seeded: Study) -> None:
        seed("--studies", "0", "--with-deliveries")

        out = StringIO()
        call_command("verifyledger", stdout=out)
        assert "The books add up." in out.getvalue()

    def test_what_is_read_is_not_there_and_nothing_is_brought_back(self, seeded: Study) -> None:
        instance = Instance.objects.select_related("series").order_by("pk")[0]
        damaged = REGISTRY.get_sample_value("gantry_damaged_files_total")

        with pytest.raises(InstanceMissing) as raised:
            ensure_intact(instance)

        assert not isinstance(raised.value, InstanceOffline)
        assert REGISTRY.get_sample_value("gantry_damaged_files_total") == damaged
        assert recall([instance.series_id], by="a reader") == []

    def test_no_move_by_policy_or_by_hand(self, seeded: Study) -> None:
        LocationFactory()

        assert not movable(timezone.now()).exists()
        with pytest.raises(MoveRefused, match="fictitious"):
            ask_for_move(seeded, "cold", by="a person")

    def test_nothing_to_send_by_hand(self, seeded: Study) -> None:
        assert send_by_hand(seeded, DestinationFactory.create(), by="a person") == 0
        assert not Delivery.objects.exists()


class TestDeliveries:
    def test_of_the_last_month_to_a_destination_that_is_off(self, seeded: Study) -> None:
        seed("--studies", "0", "--with-deliveries")
        count = Delivery.objects.count()
        seed("--studies", "0", "--with-deliveries")

        assert Delivery.objects.count() == count > 0
        assert not Destination.objects.get().is_enabled


class TestRemove:
    def test_takes_all_of_it_and_nothing_else(self, seeded: Study) -> None:
        seed("--studies", "0", "--with-deliveries")
        real = InstanceFactory.create(
            series__study__patient_id="SEED-1-0000001", series__study__received_at=timezone.now()
        )
        StudyLabel.objects.create(study=real.series.study, label=FICTITIOUS, given_by="A rule")
        old = Study.objects.earliest("received_at")
        late = InstanceFactory.create(series=old.series.first())

        seed("--remove")

        assert set(Study.objects.all()) == {real.series.study, old}
        assert Instance.objects.filter(pk=late.pk).exists()
        assert StudyLabel.objects.count() == 2
        assert not Destination.objects.exists()


class TestImages:
    def test_come_in_as_any_arrival_and_go_again(self, home: Environment) -> None:
        with nobody_hears():
            seed("--studies", "0", "--with-pixels", "1")
        study = Study.objects.get()
        files = [path_of(instance) for instance in Instance.objects.all()]

        assert study.tier == "hot"
        assert study.patient_id.startswith("SEED-")
        assert all(ensure_intact(instance) for instance in Instance.objects.all())
        seed("--remove")
        assert not Study.objects.exists()
        assert not any(Path(file).exists() for file in files)

    def test_not_where_a_rule_would_send_them_on(self, home: Environment) -> None:
        RuleFactory()

        with pytest.raises(CommandError, match="rules"):
            seed("--studies", "0", "--with-pixels", "1")
