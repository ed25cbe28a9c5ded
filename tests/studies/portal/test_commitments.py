import pytest
from django.test import Client

from dicomnet.models import RemoteNode
from studies.commitments.models import CommitmentState
from tests.factories import CommitmentFactory

NODE = {"ae_title": "CT1", "host": "10.1.2.3", "port": "104"}


@pytest.fixture(autouse=True)
def _no_bells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("studies.events.commitments_due.send", lambda *_, **__: [])


def test_list_by_state(viewer: Client) -> None:
    CommitmentFactory.create(calling_ae_title="DONE")
    CommitmentFactory.create(calling_ae_title="OPEN", state=CommitmentState.REPORTING, reported_at=None)

    everything = viewer.get("/commitments/").content.decode()
    waiting = viewer.get("/commitments/?state=reporting").content.decode()

    assert "DONE" in everything
    assert "OPEN" in everything
    assert "DONE" not in waiting
    assert viewer.get("/commitments/?state=nonsense").status_code == 200


def test_detail_shows_failures_first_and_in_words(viewer: Client) -> None:
    html = viewer.get(f"/commitments/{CommitmentFactory.create().pk}/").content.decode()

    assert "0x0112 No such SOP Instance" in html
    assert html.index("0x0112 No such SOP Instance") < html.index('is-ok">committed')


def test_a_report_without_an_address_says_what_to_do(administrator: Client) -> None:
    commitment = CommitmentFactory.create(
        calling_ae_title="CT 1",
        state=CommitmentState.REPORTING,
        reported_at=None,
        last_error="where CT 1 listens is not known: add it to the remote nodes",
    )

    html = administrator.get(f"/commitments/{commitment.pk}/").content.decode()

    assert "Where CT 1 listens is not known" in html
    assert "/remote-nodes/new/?ae_title=CT%201&amp;host=10.1.2.3" in html
    form = administrator.get("/remote-nodes/new/?ae_title=CT%201&host=10.1.2.3").content.decode()
    assert 'value="CT 1"' in form
    assert 'value="10.1.2.3"' in form


def test_a_report_that_was_given_up_asks_for_attention_and_is_sent_again(operator: Client) -> None:
    commitment = CommitmentFactory.create(state=CommitmentState.FAILED, reported_at=None, last_error="no answer")
    assert "asks for attention" in operator.get("/commitments/").content.decode()

    answer = operator.post(f"/commitments/{commitment.pk}/send/", follow=True)

    commitment.refresh_from_db()
    assert commitment.state == CommitmentState.REPORTING
    assert "is sent again now" in answer.content.decode()


def test_what_is_being_verified_is_not_sent(operator: Client) -> None:
    commitment = CommitmentFactory.create(state=CommitmentState.VERIFYING)

    answer = operator.post(f"/commitments/{commitment.pk}/send/", follow=True)

    assert "cannot be sent now" in answer.content.decode()


def test_viewer_may_not_send(viewer: Client) -> None:
    commitment = CommitmentFactory.create(state=CommitmentState.FAILED)

    assert "Send the report" not in viewer.get(f"/commitments/{commitment.pk}/").content.decode()
    assert viewer.post(f"/commitments/{commitment.pk}/send/").status_code == 403


def test_remote_nodes_are_made_changed_and_deleted(administrator: Client) -> None:
    answer = administrator.post("/remote-nodes/new/", NODE, follow=True)
    assert "CT1 is added" in answer.content.decode()
    node = RemoteNode.objects.get()

    assert "already" in administrator.post("/remote-nodes/new/", NODE).content.decode()
    administrator.post(f"/remote-nodes/{node.pk}/", NODE | {"port": "11112"})
    node.refresh_from_db()
    assert node.port == 11112
    answer = administrator.post(f"/remote-nodes/{node.pk}/delete/", follow=True)
    assert "No node yet" in answer.content.decode()


@pytest.mark.parametrize(
    ("is_reported", "words"), [(True, "Send the report again"), (False, "Send the report now")], ids=["again", "now"]
)
def test_button_says_whether_a_report_was_taken_already(operator: Client, is_reported: bool, words: str) -> None:
    times = {} if is_reported else {"state": CommitmentState.REPORTING, "reported_at": None}
    commitment = CommitmentFactory.create(**times)

    assert words in operator.get(f"/commitments/{commitment.pk}/").content.decode()
