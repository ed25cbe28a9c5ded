"""What was fetched is a copy: no rule takes it for something new, and it goes again when nobody uses it."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from routing.models import Delivery, Destination
from routing.plan import plan_all
from routing.rules import save_rule
from spanner.fetch.ask import fetch_study
from spanner.fetch.carry_out import work
from spanner.fetch.priors import fetch_priors_of
from spanner.fetch.retention import remove_unused
from spanner.models import Fetch, FetchState, Retrieve, Source, SourceKind, SpanningConfig
from studies.models import Deletion, Instance, Series, Study, StudyLabel, Tier
from tests.factories import DeliveryFactory, DestinationFactory, RuleFactory, StudyFactory
from tests.modality import wait_until
from tests.peers import gantry
from tests.spanner.conftest import Federate
from tests.spanner.fetch.holding import STUDY, a_study, get_archive, qrscp, send

pytestmark = pytest.mark.django_db(transaction=True)
Make = Callable[..., Source]
FROM_NORTH = [{"attribute": "FetchedFrom", "operator": "equals", "value": "North"}]


def rule_to(name: str, conditions: Sequence[dict[str, str]] = (), scope: str = "instance") -> Destination:
    """A rule, and the destination of its own that it sends to."""
    destination = DestinationFactory.create(name=name)
    rule = RuleFactory.build(name=name, conditions=list(conditions), scope=scope)
    save_rule(rule, destinations=[destination])
    return destination


def brought(config: SpanningConfig) -> Fetch:
    fetch = fetch_study(config, STUDY, by="anna")
    work(seconds=60)
    fetch.refresh_from_db()
    assert fetch.state == FetchState.DONE, fetch.last_error
    return fetch


def completed() -> None:
    now = timezone.now()
    Series.objects.update(completed_at=now)
    Study.objects.update(completed_at=now)


def aged(days: int = 8) -> None:
    before = timezone.now() - timedelta(days=days)
    Study.objects.update(last_received_at=before, used_at=None)
    Fetch.objects.update(finished_at=before, checked_at=None)


@pytest.mark.parametrize("scope", ["instance", "series", "study"])
@pytest.mark.parametrize("way", ["get", "move"])
def test_no_rule_sends_it_on_that_does_not_ask_for_it(
    way: str, scope: str, tmp_path: Path, dimse: Make, federate: Federate
) -> None:
    everything, asking = rule_to("Everything", scope=scope), rule_to("Asking", FROM_NORTH, scope=scope)
    files = a_study(tmp_path / "files", 2)
    with gantry() as own_port, qrscp(tmp_path / "peer", files, own_port=own_port) as port:
        brought(federate(dimse("North", port, ae_title="QRSCP", retrieve=Retrieve(way))))
    plan_all()
    completed()
    plan_all()
    assert not Delivery.objects.filter(destination=everything).exists()
    assert Delivery.objects.filter(destination=asking).count() == 2
    assert not Instance.objects.filter(planned_at=None).exists()


def test_what_is_sent_here_too_is_new_for_the_rules(tmp_path: Path, dimse: Make, federate: Federate) -> None:
    everything = rule_to("Everything")
    files = a_study(tmp_path / "files", 3)
    with get_archive(files) as peer, gantry() as own_port:
        brought(federate(dimse("North", peer.port)))
        plan_all()
        send(own_port, files[:1], "GANTRY")
        wait_until(lambda: Instance.objects.filter(fetched_from="").exists())
    plan_all()
    assert Delivery.objects.get(destination=everything).instance.sop_instance_uid == files[0].stem
    aged()
    assert remove_unused() == 0


def test_of_a_study_that_was_sent_in_part_rules_see_that_part(tmp_path: Path, dimse: Make, federate: Federate) -> None:
    everything = rule_to("Everything", scope="study")
    files = a_study(tmp_path / "files", 4)
    with get_archive(files) as peer, gantry() as own_port:
        send(own_port, files[:1], "GANTRY")
        wait_until(Instance.objects.exists)
        brought(federate(dimse("North", peer.port)))
    assert len(peer.sent) == 3
    plan_all()
    completed()
    plan_all()
    assert Delivery.objects.get(destination=everything).instance.sop_instance_uid == files[0].stem


def test_a_copy_that_nobody_uses_goes_while_its_source_has_it(tmp_path: Path, dimse: Make, federate: Federate) -> None:
    files = a_study(tmp_path / "files", 2)
    with get_archive(files) as peer:
        fetch = brought(federate(dimse("North", peer.port)))
        plan_all()
        assert remove_unused() == 0  # not old enough
        aged()
        assert remove_unused() == 1
    assert not Instance.objects.exists()
    assert Deletion.objects.get().requested_by == "kept 7 days, fetched copy"
    fetch.refresh_from_db()
    assert fetch.removed_at is not None


def label() -> None:
    StudyLabel.objects.create(study=Study.objects.get(), label="legal hold", given_by="anna")


def use() -> None:
    Study.objects.update(used_at=timezone.now())


def deliver() -> None:
    DeliveryFactory.create(instance=Instance.objects.first(), is_delivered=True)


def leave_to_the_rules() -> None:
    Instance.objects.update(planned_at=None)


def send_one() -> None:
    Instance.objects.filter(pk=Instance.objects.earliest("pk").pk).update(fetched_from="")


def move_away() -> None:
    Study.objects.update(tier=Tier.COLD)


@pytest.mark.parametrize("hold", [label, use, deliver, leave_to_the_rules, send_one, move_away])
def test_a_copy_that_something_holds_stays(
    hold: Callable[[], None], tmp_path: Path, dimse: Make, federate: Federate
) -> None:
    rule_to("Asking", [{"attribute": "Modality", "operator": "equals", "value": "MR"}])
    with get_archive(a_study(tmp_path / "files", 2)) as peer:
        brought(federate(dimse("North", peer.port)))
        plan_all()
        aged()
        hold()
        assert remove_unused() == 0
    assert Instance.objects.count() == 2


def test_a_copy_stays_that_its_source_no_longer_has(tmp_path: Path, dimse: Make, federate: Federate) -> None:
    files = a_study(tmp_path / "files", 2)
    with get_archive(files) as peer:
        brought(federate(dimse("North", peer.port)))
        plan_all()
        aged()
        peer.forget(files[0].stem)
        assert remove_unused() == 0
    Fetch.objects.update(checked_at=None)
    assert remove_unused() == 0  # it does not answer any more
    assert Instance.objects.count() == 2


def test_nothing_goes_where_copies_are_kept(
    tmp_path: Path, dimse: Make, federate: Federate, settings: Settings
) -> None:
    with get_archive(a_study(tmp_path / "files", 1)) as peer:
        brought(federate(dimse("North", peer.port)))
        plan_all()
        aged(days=4000)
        settings.GANTRY = replace(settings.GANTRY, fetched_keep_days=0)
        assert remove_unused() == 0


def test_priors_are_fetched_from_the_federation_that_this_archive_belongs_to(
    tmp_path: Path, dimse: Make, federate: Federate
) -> None:
    here: Any = StudyFactory(study_instance_uid="1.7", patient_id="P1", study_date="20270101")
    with get_archive(a_study(tmp_path / "files", 2)) as peer:
        config = federate(dimse("North", peer.port))
        assert fetch_priors_of(here.pk, 3, rule="Priors") == []
        config.members.create(source=Source.objects.create(name="Here", kind=SourceKind.LOCAL), priority=9)
        (fetch,) = fetch_priors_of(here.pk, 3, rule="Priors")
    assert (fetch.study_instance_uid, fetch.requested_by) == (STUDY, "rule Priors")
