"""Rules that wait for a whole series or study: what they judge, what goes out, and what a late instance does."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from routing.facts import facts_of_instance
from routing.models import (
    AIPool,
    AIRequest,
    AIResult,
    Decision,
    Delivery,
    Destination,
    Discard,
    Rule,
    RuleScope,
    ShadowMatch,
)
from routing.plan import plan_all
from routing.plan_complete import decide_complete
from routing.rules import save_rule
from studies.models import Instance, Series, Study, StudyLabel
from studies.storage import hot_storage
from tests.corpus import data_set, element
from tests.factories import DestinationFactory, RuleFactory, SeriesFactory
from tests.routing.conftest import Store

pytestmark = pytest.mark.django_db

SR = {"attribute": "Modality", "operator": "equals", "value": "SR"}
CT = {"attribute": "Modality", "operator": "equals", "value": "CT"}
StoreIn = Callable[..., Instance]


@pytest.fixture
def destination() -> Destination:
    made: Destination = DestinationFactory.create()
    return made


@pytest.fixture
def study() -> Study:
    made: Study = SeriesFactory.create().study
    return made


def complete(*wholes: Study | Series) -> None:
    for whole in wholes:
        type(whole).objects.filter(pk=whole.pk).update(completed_at=timezone.now(), decided_at=None)


def come_in_late(store: Store, series: Series, **what: Any) -> Instance:
    """As the index leaves it: the series and its study are open again."""
    instance = store(**what)
    Instance.objects.filter(pk=instance.pk).update(series=series)
    Series.objects.filter(pk=series.pk).update(completed_at=None, decided_at=None)
    Study.objects.filter(pk=series.study_id).update(completed_at=None, decided_at=None)
    instance.refresh_from_db()
    return instance


def sent(destination: Destination) -> set[int]:
    return set(Delivery.objects.filter(destination=destination).values_list("instance_id", flat=True))


def test_nothing_goes_out_before_the_study_is_complete(store: Store, destination: Destination) -> None:
    rule = RuleFactory.create(to=[destination], scope=RuleScope.STUDY, priority=1)
    first, second = store(), store()
    assert plan_all() == 2
    assert sent(destination) == set()
    complete(first.series.study)
    assert plan_all() == 0
    assert sent(destination) == {first.pk, second.pk}
    assert {row.rule_version for row in Delivery.objects.all()} == {rule.versions.get()}
    assert {row.priority for row in Delivery.objects.all()} == {1}
    decision = Decision.objects.get()
    assert (decision.series, decision.matched, decision.instance_count) == (first.series, True, 2)
    plan_all()
    assert Delivery.objects.count() == 2


def test_a_series_goes_out_while_its_study_is_still_open(store: Store, destination: Destination, study: Study) -> None:
    RuleFactory.create(to=[destination], scope=RuleScope.SERIES)
    one, two = SeriesFactory.create(study=study), SeriesFactory.create(study=study)
    first, other = come_in_late(store, one), come_in_late(store, two)
    plan_all()
    complete(one)
    plan_all()
    assert sent(destination) == {first.pk}
    complete(two)
    plan_all()
    assert sent(destination) == {first.pk, other.pk}


def test_of_a_late_instance_only_the_difference_goes_out(store: Store, destination: Destination) -> None:
    rule = RuleFactory.create(to=[destination], scope=RuleScope.STUDY)
    first = store()
    complete(first.series.study)
    plan_all()
    rule.priority = 1  # another version meanwhile: what has gone does not go again
    save_rule(rule, destinations=[destination])
    late = come_in_late(store, first.series)
    plan_all()
    assert sent(destination) == {first.pk}
    complete(first.series.study)
    plan_all()
    assert list(Delivery.objects.order_by("pk").values_list("instance_id", "rule_version__number")) == [
        (first.pk, 1),
        (late.pk, 2),
    ]
    assert sorted(Decision.objects.values_list("rule_version__number", "instance_count")) == [(1, 1), (2, 2)]


def test_a_study_is_judged_on_the_union_of_its_series(store: Store, destination: Destination, study: Study) -> None:
    RuleFactory.create(to=[destination], scope=RuleScope.STUDY, conditions=[SR, CT])
    image = come_in_late(store, SeriesFactory.create(study=study))
    complete(study)
    plan_all()
    assert sent(destination) == set()
    report = come_in_late(store, SeriesFactory.create(study=study), modality=b"SR")
    complete(study)
    plan_all()
    assert sent(destination) == {image.pk, report.pk}


def test_each_series_is_judged_on_its_own(store: Store, destination: Destination, study: Study) -> None:
    RuleFactory.create(to=[destination], scope=RuleScope.SERIES, conditions=[SR])
    image = come_in_late(store, SeriesFactory.create(study=study))
    report = come_in_late(store, SeriesFactory.create(study=study), modality=b"SR")
    complete(image.series, report.series)
    plan_all()
    assert sent(destination) == {report.pk}
    assert Decision.objects.get().series == report.series


def test_a_rule_that_does_not_match_any_more_says_so(store: Store, destination: Destination, study: Study) -> None:
    RuleFactory.create(to=[destination], scope=RuleScope.STUDY, conditions=[{"none": [SR]}])
    image = come_in_late(store, SeriesFactory.create(study=study))
    complete(study)
    plan_all()
    assert Decision.objects.get().matched
    come_in_late(store, SeriesFactory.create(study=study), modality=b"SR")
    complete(study)
    plan_all()
    assert not Decision.objects.get().matched
    assert sent(destination) == {image.pk}


def test_what_a_destination_has_by_another_rule_does_not_go_again(store: Store, destination: Destination) -> None:
    at_once = RuleFactory.create(to=[destination])
    RuleFactory.create(to=[destination], scope=RuleScope.SERIES)
    RuleFactory.create(to=[destination], scope=RuleScope.STUDY)
    first = store()
    complete(first.series, first.series.study)
    plan_all()
    assert Delivery.objects.get().rule_version == at_once.versions.get()


def test_the_number_of_instances_may_decide(store: Store, destination: Destination) -> None:
    many = {"attribute": "StudyInstancesReceived", "operator": "greater", "value": 1}
    RuleFactory.create(to=[destination], scope=RuleScope.STUDY, conditions=[many])
    first = store()
    Study.objects.update(number_of_study_related_instances=1)
    complete(first.series.study)
    plan_all()
    assert sent(destination) == set()
    late = come_in_late(store, first.series)
    Study.objects.update(number_of_study_related_instances=2)
    complete(first.series.study)
    plan_all()
    assert sent(destination) == {first.pk, late.pk}


def test_any_attribute_of_the_header_may_decide(store: Store, destination: Destination) -> None:
    contrast = {"attribute": "(0018,0010)", "operator": "present"}
    RuleFactory.create(to=[destination], scope=RuleScope.SERIES, conditions=[contrast])
    first = store(data=data_set(sop_instance_uid=b"1.2.3", early=element(0x00180010, "LO", b"Iodine")))
    complete(first.series)
    plan_all()
    assert sent(destination) == {first.pk}


def test_a_study_waits_for_its_instances_to_be_asked_about(store: Store, destination: Destination) -> None:
    """What another worker is just planning is waited for; what cannot be read holds up nothing and is seen to fail."""
    RuleFactory.create(to=[destination], scope=RuleScope.STUDY)
    RuleFactory.create(order=1)  # so that each header is read
    good, broken = store(), store()
    path = Path(hot_storage().path(broken.location))
    path.write_bytes(path.read_bytes()[:-5])
    study = good.series.study
    complete(study)
    assert decide_complete(set()) == 0
    assert sent(destination) == set()
    plan_all()
    assert sent(destination) == {good.pk, broken.pk}


def test_a_study_of_which_nothing_can_be_read_is_asked_about_later(store: Store, destination: Destination) -> None:
    RuleFactory.create(to=[destination], scope=RuleScope.STUDY)
    only = store()
    plan_all()
    path = Path(hot_storage().path(only.location))
    content = path.read_bytes()
    path.unlink()
    complete(only.series.study)
    plan_all()
    assert Study.objects.get().decided_at is None
    path.write_bytes(content)
    plan_all()
    assert sent(destination) == {only.pk}
    assert Study.objects.get().decided_at is not None


def test_a_study_that_was_opened_while_it_was_judged_is_left(
    store: Store, destination: Destination, monkeypatch: pytest.MonkeyPatch
) -> None:
    RuleFactory.create(to=[destination], scope=RuleScope.STUDY)
    first = store()
    complete(first.series.study)

    def read(instance: Instance, *args: Any) -> Any:
        Study.objects.update(completed_at=timezone.now() + timedelta(seconds=1))  # opened, and complete again
        return facts_of_instance(instance, *args)

    monkeypatch.setattr("routing.plan_complete.facts_of_instance", read)
    plan_all()
    assert sent(destination) == set()
    monkeypatch.undo()
    plan_all()
    assert sent(destination) == {first.pk}


def test_what_a_rule_discarded_is_seen_by_no_rule_of_the_whole(store: Store, destination: Destination) -> None:
    discard = [{"action": "discard", "reason": "localizers are not wanted"}]
    discarding = RuleFactory.create(conditions=[SR], actions=discard, order=500)
    RuleFactory.create(to=[destination], scope=RuleScope.STUDY, conditions=[])
    RuleFactory.create(to=[destination], scope=RuleScope.STUDY, conditions=[SR])
    image, report = store(), store(modality=b"SR")
    complete(image.series.study)
    plan_all()
    assert sent(destination) == {image.pk}
    found = Discard.objects.get()
    assert (found.instance, found.reason) == (report, "localizers are not wanted")
    assert found.rule_version == discarding.versions.get()


def test_a_rule_of_a_study_discards_all_of_it(store: Store, destination: Destination) -> None:
    RuleFactory.create(scope=RuleScope.STUDY, actions=[{"action": "discard", "reason": "a test"}], order=1)
    RuleFactory.create(scope=RuleScope.STUDY, to=[destination], order=2)
    first, second = store(), store()
    complete(first.series.study)
    plan_all()
    assert set(Discard.objects.values_list("instance_id", flat=True)) == {first.pk, second.pk}
    assert sent(destination) == set()
    late = come_in_late(store, first.series)
    complete(first.series.study)
    plan_all()
    assert Discard.objects.filter(instance=late).exists()
    assert sent(destination) == set()


def test_a_pool_is_asked_once_and_for_the_difference(store: Store) -> None:
    pool = AIPool.objects.create(name="lungs")
    version = save_rule(Rule(name="lungs", scope="study", priority=2), destinations=[], ai_pools=[pool])
    first, second = store(), store()
    study = first.series.study
    complete(study)
    plan_all()
    asked = AIRequest.objects.get()
    assert (asked.pool, asked.rule_version, asked.study, asked.priority) == (pool, version, study, 2)
    assert set(asked.instances.all()) == {first, second}
    AIRequest.objects.update(state="asked")  # a worker has it: a late instance cannot join it
    late = come_in_late(store, first.series)
    complete(study)
    plan_all()
    assert [set(each.instances.all()) for each in AIRequest.objects.order_by("pk")] == [{first, second}, {late}]
    complete(study)
    plan_all()
    assert AIRequest.objects.count() == 2


def test_what_an_ai_worker_sent_is_left_to_the_gate(store: Store, destination: Destination) -> None:
    RuleFactory.create(to=[destination], scope=RuleScope.STUDY, conditions=[])
    image, result = store(), store()
    AIResult.objects.create(instance=result, verdict="quarantined")
    complete(image.series.study)
    plan_all()
    assert sent(destination) == {image.pk}


def test_a_rule_in_shadow_writes_matches_and_nothing_else(store: Store, destination: Destination) -> None:
    pool = AIPool.objects.create(name="lungs")
    label = [{"action": "label", "label": "seen"}]
    rule = Rule(name="shadow", scope="study", mode="shadow", actions=label)
    version = save_rule(rule, destinations=[destination], ai_pools=[pool])
    first, second = store(), store()
    for _ in range(2):
        complete(first.series.study)
        plan_all()
    found = ShadowMatch.objects.values_list("instance_id", "rule_version_id")
    assert sorted(found) == [(first.pk, version.pk), (second.pk, version.pk)]
    written = [Delivery, AIRequest, StudyLabel, Decision, Discard]
    assert [model.objects.count() for model in written] == [0] * 5  # type: ignore[attr-defined]


def test_what_no_rule_waits_for_is_marked_and_not_read(
    store: Store, destination: Destination, monkeypatch: pytest.MonkeyPatch
) -> None:
    RuleFactory.create(to=[destination])
    first = store()
    plan_all()
    complete(first.series, first.series.study)
    Path(hot_storage().path(first.location)).unlink()
    plan_all()
    assert Study.objects.get().decided_at is not None
    assert Series.objects.get().decided_at is not None
    RuleFactory.create(
        to=[DestinationFactory.create()], scope=RuleScope.STUDY
    )  # a rule made later asks about later ones
    plan_all()
    assert Delivery.objects.count() == 1
