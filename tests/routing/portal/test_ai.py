"""Pages of the AI workers: what people see, press and save."""

import pytest
from django.test import Client

from routing.models import AIPool, AIRequest, AIResult, AIWorker, Delivery
from tests.factories import AIPoolFactory, AIRequestFactory, AIResultFactory, AIWorkerFactory, DestinationFactory
from tests.peers import refused_port, storing_peer

pytestmark = pytest.mark.usefixtures("rung")
POOL = {"name": "Lung", "strategy": "round_robin", "maximum_attempts": "3", "is_enabled": "on"}
WORKER = {
    "name": "Node A",
    "ae_title": "LUNG_A",
    "host": "10.9.0.2",
    "port": "11112",
    "timeout_seconds": "600",
    "maximum_requests": "2",
    "weight": "1",
    "is_enabled": "on",
}


def test_a_pool_and_its_worker_are_added(administrator: Client) -> None:
    destination = DestinationFactory.create(name="PACS")
    answer = administrator.post(
        "/ai/pools/new/",
        POOL | {"result_destinations": [destination.pk], "result_sop_classes": "SegmentationStorage"},
        follow=True,
    )
    assert "Lung is added." in answer.content.decode()
    pool = AIPool.objects.get()
    assert (list(pool.result_destinations.all()), pool.result_sop_classes) == (
        [destination],
        ["1.2.840.10008.5.1.4.1.1.66.4"],
    )

    answer = administrator.post("/ai/workers/new/", WORKER | {"pool": pool.pk}, follow=True)

    html = answer.content.decode()
    assert "Node A is added." in html
    assert "10.9.0.2:11112" in html
    assert AIWorker.objects.get().pool == pool


def test_the_pool_form_says_which_class_it_does_not_know(administrator: Client) -> None:
    html = administrator.post("/ai/pools/new/", POOL | {"result_sop_classes": "Segmentation"}).content.decode()

    assert "is no SOP Class" in html
    assert not AIPool.objects.exists()


def test_a_new_worker_comes_with_the_pool_of_the_link(administrator: Client) -> None:
    AIPoolFactory.create()
    pool = AIPoolFactory.create()

    html = administrator.get(f"/ai/workers/new/?pool={pool.pk}").content.decode()

    assert f'<option value="{pool.pk}" selected>' in html


def test_the_board_warns_of_what_is_quarantined(operator: Client) -> None:
    assert "quarantined:" not in operator.get("/ai/").content.decode()
    AIResultFactory.create()

    html = operator.get("/ai/").content.decode()

    assert "1 result is quarantined" in html
    assert '<span class="side-count" title="asks for attention">1</span>' in html


def test_echo_answers_as_a_fragment_and_as_a_message(operator: Client) -> None:
    with storing_peer() as peer:
        worker = AIWorkerFactory.create(host="127.0.0.1", port=peer.port)
        fragment = operator.post(f"/ai/workers/{worker.pk}/echo/", headers={"HX-Request": "true"}).content.decode()
    AIWorker.objects.update(port=refused_port())
    page = operator.post(f"/ai/workers/{worker.pk}/echo/", follow=True).content.decode()

    assert "0x0000 Success" in fragment
    assert "<html" not in fragment
    assert "nobody listens there" in page


@pytest.mark.parametrize(
    ("state", "action", "after"),
    [
        ("failed", "retry", "queued"),
        ("cancelled", "retry", "queued"),
        ("answered", "retry", "answered"),
        ("queued", "cancel", "cancelled"),
        ("asked", "cancel", "cancelled"),
        ("sending", "cancel", "sending"),
    ],
)
def test_retry_and_cancel(operator: Client, state: str, action: str, after: str) -> None:
    request = AIRequestFactory.create(state=state)

    answer = operator.post(f"/ai/requests/{request.pk}/{action}/", {"tab": "all"}, follow=True)

    assert AIRequest.objects.get().state == after
    assert answer.redirect_chain[-1][0] == "/ai/requests/?tab=all"
    assert ("is-ok" in answer.content.decode()) or state == after


def test_release_and_keep(operator: Client) -> None:
    worker = AIWorkerFactory.create()
    worker.pool.result_destinations.add(DestinationFactory.create())
    first, second, nowhere = AIResultFactory.create(worker=worker), AIResultFactory.create(), AIResultFactory.create()

    assert (
        "goes to 1 destination now" in operator.post(f"/ai/results/{first.pk}/release/", follow=True).content.decode()
    )
    assert "Kept back" in operator.post(f"/ai/results/{second.pk}/keep/", follow=True).content.decode()
    html = operator.post(f"/ai/results/{nowhere.pk}/release/", follow=True).content.decode()
    assert "has no result destination" in html

    assert [result.verdict for result in AIResult.objects.order_by("pk")] == ["released", "kept", "quarantined"]
    assert set(AIResult.objects.exclude(released_by="").values_list("released_by", flat=True)) == {"operator"}
    assert Delivery.objects.get().instance == first.instance


@pytest.mark.parametrize("address", ["/ai/results/1/release/", "/ai/requests/1/retry/", "/ai/workers/1/echo/"])
def test_a_viewer_presses_nothing(viewer: Client, address: str) -> None:
    assert viewer.post(address).status_code == 403
