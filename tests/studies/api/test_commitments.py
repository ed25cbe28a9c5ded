"""Requests for storage commitment, and where devices listen, by the API."""

import pytest

from dicomnet.commitment import FailureReason
from dicomnet.models import RemoteNode
from studies.commitments.models import CommitmentState
from tests.api_clients import V1, client_of
from tests.factories import CommitmentFactory

pytestmark = pytest.mark.django_db


def test_requests_are_listed_and_filtered() -> None:
    CommitmentFactory.create()
    waiting = CommitmentFactory.create(state=CommitmentState.REPORTING, calling_ae_title="CT2", last_error="no")
    client = client_of("viewer")

    assert client.get(f"{V1}/commitments").json()["count"] == 2
    for query in ("state=reporting", "calling_ae_title=CT2", f"transaction_uid={waiting.transaction_uid}"):
        (found,) = client.get(f"{V1}/commitments/?{query}").json()["results"]
        assert (found["id"], found["failed_count"], found["last_error"]) == (waiting.pk, 1, "no")
    assert client.get(f"{V1}/commitments/?state=lost").status_code == 400
    assert client.get(f"{V1}/commitments/{waiting.pk}").json()["state"] == "reporting"


def test_items_say_why_they_are_not_committed() -> None:
    commitment = CommitmentFactory.create()

    found = client_of("viewer").get(f"{V1}/commitments/{commitment.pk}/items").json()["results"]

    assert [item["failure"] for item in found] == ["0x0112 No such SOP Instance", ""]
    assert [item["failure_reason"] for item in found] == [FailureReason.NO_SUCH_INSTANCE, None]


def test_requests_are_not_changed_here() -> None:
    address = f"{V1}/commitments/{CommitmentFactory.create().pk}"
    client = client_of("administrator")

    assert client.patch(address, {"state": "reported"}, format="json").status_code == 405
    assert client.delete(address).status_code == 405
    assert client.post(f"{V1}/commitments", {}, format="json").status_code == 405


def test_a_remote_node_is_made_changed_and_deleted() -> None:
    client = client_of("administrator")

    made = client.post(f"{V1}/remote-nodes", {"ae_title": "CT1", "host": "ct1.example"}, format="json").json()
    address = f"{V1}/remote-nodes/{made['id']}"

    assert made["port"] == 104
    assert client.patch(address, {"port": 11112}, format="json").json()["port"] == 11112
    assert client.patch(address, {"port": 0}, format="json").status_code == 400
    assert client.patch(address, {"ae_title": "A\\B"}, format="json").status_code == 400
    assert client.delete(address).status_code == 204
    assert not RemoteNode.objects.exists()


def test_the_same_node_is_there_once() -> None:
    client = client_of("administrator")
    node = {"ae_title": "CT1", "host": "10.1.2.3", "port": 104}

    assert client.post(f"{V1}/remote-nodes", node, format="json").status_code == 201
    answer = client.post(f"{V1}/remote-nodes", node, format="json")

    assert answer.status_code == 400
    assert "already" in answer.content.decode()
    assert client.post(f"{V1}/remote-nodes", node | {"host": "10.1.2.4"}, format="json").status_code == 201
