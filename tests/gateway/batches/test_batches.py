"""One action on many studies: chosen, confirmed, done once with each, and said of each."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from gateway.accounts.models import Role, User
from gateway.batches import run
from gateway.batches.actions import ACTIONS
from gateway.batches.models import Batch, BatchItem, BatchState, ItemState
from gateway.batches.prepare import forget_old
from gateway.batches.tasks import carry_out_batches
from routing.models import Delivery, DeliveryState, Priority
from studies.models import Study, StudyLabel
from tests.factories import (
    DeliveryFactory,
    DestinationFactory,
    InstanceFactory,
    LocationFactory,
    StudyFactory,
    UserFactory,
)
from tiering.models import Move

pytestmark = pytest.mark.django_db
TURN_SECONDS = 60


@pytest.fixture
def operator() -> Client:
    client = Client()
    client.force_login(UserFactory.create(username="otto", role=Role.OPERATOR))
    return client


def studies(count: int = 2) -> list[Study]:
    return [InstanceFactory.create(series__study__patient_name=f"Example^{n}").series.study for n in range(count)]


def choose(client: Client, action: str, chosen: list[Study], **more: Any) -> Batch:
    given = {"action": action, "study": [study.study_instance_uid for study in chosen], **more}
    answer = client.post("/studies/batch/", given)
    assert answer.status_code == 302, answer.content
    return Batch.objects.get(pk=int(answer.headers["Location"].split("/")[3]))


def confirm(client: Client, batch: Batch, **options: Any) -> dict[str, str]:
    answer = client.post(f"/studies/batches/{batch.pk}/confirm/", options)
    assert answer.status_code == 302, answer.content
    run.work(TURN_SECONDS)
    return {item.study.study_instance_uid: item.words for item in batch.items.select_related("study")}


def test_sent_to_several_destinations(operator: Client) -> None:
    chosen = studies()
    pacs, archive = DestinationFactory.create(name="PACS"), DestinationFactory.create(name="Archive")
    batch = choose(operator, "send", chosen)
    page = operator.get(f"/studies/batches/{batch.pk}/").content.decode()
    assert "Send to destinations: 2 studies" in page
    assert Delivery.objects.count() == 0  # nothing before it is confirmed

    words = confirm(operator, batch, destinations=[pacs.pk, archive.pk])

    assert set(words.values()) == {"1 instance on the way to Archive, PACS"}
    made = Delivery.objects.all()
    assert {(d.made_by, d.priority, d.state) for d in made} == {("otto", Priority.HIGH, DeliveryState.PENDING)}
    assert len(made) == 4
    page = operator.get(f"/studies/batches/{batch.pk}/").content.decode()
    assert "2 done, 0 not done, 0 waiting" in page
    assert f"/deliveries/?tab=all&amp;study={chosen[0]}" in page


def test_pressed_twice_it_is_done_once(operator: Client) -> None:
    batch = choose(operator, "send", studies(1))
    pacs = DestinationFactory.create()
    confirm(operator, batch, destinations=[pacs.pk])
    Delivery.objects.update(state=DeliveryState.DELIVERED)

    confirm(operator, batch, destinations=[pacs.pk])

    assert [delivery.state for delivery in Delivery.objects.all()] == [DeliveryState.DELIVERED]


def test_a_worker_that_is_lost_leaves_nothing_half_done(operator: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = studies(2)
    batch = choose(operator, "label", chosen)
    original = ACTIONS["label"].carry_out

    class Lost(BaseException):
        pass

    def lost_at_the_second(study: Study, *args: Any) -> str:
        said = original(study, *args)
        if study == chosen[0]:  # newest first, so the other comes before
            raise Lost
        return said

    object.__setattr__(ACTIONS["label"], "carry_out", lost_at_the_second)
    try:
        with pytest.raises(Lost):
            confirm(operator, batch, label="teaching")
        assert [label.study for label in StudyLabel.objects.all()] == [chosen[1]]
        assert batch.items.get(study=chosen[0]).state == ItemState.WAITING
    finally:
        object.__setattr__(ACTIONS["label"], "carry_out", original)

    assert run.work(TURN_SECONDS) is False
    assert StudyLabel.objects.count() == 2
    batch.refresh_from_db()
    assert (batch.state, batch.lease_until) == (BatchState.DONE, None)


def test_what_fails_again_and_again_is_given_up(operator: Client) -> None:
    batch = choose(operator, "label", studies(1))
    operator.post(f"/studies/batches/{batch.pk}/confirm/", {"label": "x"})
    batch.items.update(attempts=run.MAXIMUM_ATTEMPTS)

    carry_out_batches()

    assert batch.items.get().state == ItemState.REFUSED
    assert "log of the server" in batch.items.get().words
    assert not StudyLabel.objects.exists()


def test_a_turn_ends_and_the_rest_is_left_to_the_next(operator: Client) -> None:
    batch = choose(operator, "label", studies(2))
    operator.post(f"/studies/batches/{batch.pk}/confirm/", {"label": "x"})

    assert run.work(-1) is True
    assert batch.items.filter(state=ItemState.WAITING).count() == 2
    assert run.work(TURN_SECONDS) is False


def test_sent_again_to_where_they_went(operator: Client) -> None:
    delivery = DeliveryFactory.create(is_delivered=True)
    sent, unsent = delivery.instance.series.study, StudyFactory.create()

    words = confirm(operator, choose(operator, "replay", [sent, unsent]))

    assert words[str(sent)] == "1 delivery made again"
    assert "nowhere" in words[str(unsent)]
    delivery.refresh_from_db()
    assert delivery.state == DeliveryState.PENDING


def test_moved_to_a_tier_that_there_is(operator: Client) -> None:
    cold = StudyFactory.create(tier="cold")
    (hot,) = studies(1)
    batch = choose(operator, "move", [hot, cold])
    address = f"/studies/batches/{batch.pk}/confirm/"
    assert operator.post(address, {"tier": "cold"}).status_code == 422
    LocationFactory.create(tier="cold")

    words = confirm(operator, batch, tier="cold")

    assert words[str(hot)] == "Goes to the tier cold"
    assert words[str(cold)] == "It is on that tier already."
    assert [(move.study, move.requested_by) for move in Move.objects.all()] == [(hot, "otto")]


def test_labels_are_added_and_removed(operator: Client) -> None:
    chosen = studies(2)
    StudyLabel.objects.create(study=chosen[0], label="Teaching", given_by="rule")

    words = confirm(operator, choose(operator, "label", chosen), label=" teaching ")

    refused = "It has this label already, or as many as a study may have."
    assert words == {str(chosen[1]): "Labelled", str(chosen[0]): refused}
    assert set(StudyLabel.objects.values_list("given_by", "is_by_hand")) == {("rule", False), ("otto", True)}
    assert set(confirm(operator, choose(operator, "unlabel", chosen), label="TEACHING").values()) == {"Label removed"}
    assert not StudyLabel.objects.exists()


def test_a_legal_hold_is_for_administrators_to_end(operator: Client) -> None:
    (study,) = studies(1)
    confirm(operator, choose(operator, "label", [study]), label="Legal Hold")

    words = confirm(operator, choose(operator, "unlabel", [study]), label="legal hold")

    assert "Only administrators" in words[str(study)]
    admin = Client()
    admin.force_login(UserFactory.create(role=Role.ADMINISTRATOR))
    assert set(confirm(admin, choose(admin, "unlabel", [study]), label="legal hold").values()) == {"Label removed"}


@pytest.mark.parametrize("action", list(ACTIONS))
def test_who_may_not_do_it_with_one_may_not_with_many(action: str, client: Client) -> None:
    client.force_login(UserFactory.create(role=Role.VIEWER))

    answer = client.post("/studies/batch/", {"action": action, "study": [str(StudyFactory.create())]})

    assert answer.status_code == 403
    assert not Batch.objects.exists()


def test_who_may_not_any_more_stops_what_was_begun(operator: Client) -> None:
    batch = choose(operator, "label", studies(1))
    operator.post(f"/studies/batches/{batch.pk}/confirm/", {"label": "x"})
    User.objects.update(role=Role.VIEWER)

    run.work(TURN_SECONDS)

    assert "may not do this any more" in batch.items.get().words
    assert not StudyLabel.objects.exists()
    assert operator.get(f"/studies/batches/{batch.pk}/").status_code == 403


def test_only_ones_own_is_confirmed(operator: Client) -> None:
    batch, other = choose(operator, "label", studies(1)), Client()
    other.force_login(UserFactory.create(role=Role.ADMINISTRATOR))

    assert other.get(f"/studies/batches/{batch.pk}/").status_code == 200
    assert other.post(f"/studies/batches/{batch.pk}/confirm/", {"label": "x"}).status_code == 404
    assert operator.get(f"/studies/batches/{batch.pk}/confirm/").status_code == 405
    other.force_login(UserFactory.create(role=Role.OPERATOR))
    assert other.get(f"/studies/batches/{batch.pk}/").status_code == 404


def test_all_that_match_up_to_a_bound_that_is_said(operator: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.batches.prepare.MAXIMUM_STUDIES", 2)
    monkeypatch.setattr("gateway.portal.batches.MAXIMUM_STUDIES", 2)
    for name in ("Aalto^A", "Aalto^B", "Aalto^C", "Berg"):
        StudyFactory.create(patient_name=name)

    batch = choose(operator, "label", [], all="1", query="patient_name=aalto&ordering=patient_name")

    assert [item.study.patient_name for item in batch.items.all()] == ["Aalto^A", "Aalto^B"]
    page = operator.get(f"/studies/batches/{batch.pk}/").content.decode()
    assert "these are the first 2 of the list" in page


def test_nothing_chosen_and_what_is_no_action(operator: Client) -> None:
    StudyFactory.create()
    given = {"action": "label", "query": "q=a", "study": ["1.2.3", "x\0"]}
    answer = operator.post("/studies/batch/", given, follow=True)
    assert "Choose a study first." in answer.content.decode()
    assert operator.post("/studies/batch/", {"action": "delete"}).status_code == 400
    assert operator.get("/studies/batch/").status_code == 405
    batch = choose(operator, "label", studies(1))
    answer = operator.post(f"/studies/batches/{batch.pk}/confirm/", {"label": "\x07"})
    assert answer.status_code == 422
    assert operator.post(f"/studies/batches/{batch.pk}/confirm/", {}).status_code == 422


def test_it_takes_the_token_of_the_form() -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(UserFactory.create(role=Role.OPERATOR))

    assert client.post("/studies/batch/", {"action": "csv", "all": "1"}).status_code == 403


def test_drafts_and_old_batches_are_forgotten(operator: Client) -> None:
    batch = choose(operator, "label", studies(1))
    forget_old()
    assert Batch.objects.filter(pk=batch.pk).exists()
    Batch.objects.update(created_at=timezone.now() - timedelta(days=2))
    forget_old()
    assert not BatchItem.objects.exists()


def test_hostile_names_are_text_on_its_page(operator: Client) -> None:
    script = "<script>alert(1)</script>"
    study = StudyFactory.create(patient_name='"><img src=x onerror=alert(1)>', study_description=script)
    batch = choose(operator, "label", [study])
    confirm(operator, batch, label="{{7*7}}<b>")

    page = operator.get(f"/studies/batches/{batch.pk}/").content.decode()
    listed = operator.get(f"/studies/{study}/").content.decode()

    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert "{{7*7}}&lt;b&gt;" in listed
