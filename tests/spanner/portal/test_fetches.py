"""Bringing studies by the pages: who may, what the page of one says, and that reading goes on to the viewer."""

from collections.abc import Callable

import pytest
from django.test import Client
from django.utils import timezone

from gateway.accounts.models import Role
from spanner.fetch.ask import BY_HAND, READER
from spanner.models import Fetch, FetchState, Source, SpanningConfig
from tests.factories import FetchFactory, SourceFactory, StudyFactory
from tests.spanner.archives import dimse_archive, study
from tests.spanner.conftest import Federate
from tests.spanner.portal.conftest import ask, polled, signed_in, text
from tests.spanner.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)
Make = Callable[..., Source]
LIST = "/archives/fetches/"


@pytest.fixture
def config(federate: Federate, dimse: Make) -> SpanningConfig:
    with dimse_archive() as (port, _):
        return federate(dimse("North", port))


def found(client: Client, federate: Federate, dimse: Make) -> str:
    """The address of an answer with the studies 1 and, of two patients, 2."""
    with dimse_archive([study(1), study(2)]) as (one, _), dimse_archive([study(2, "P2")]) as (other, _):
        address = ask(client, federate(dimse("North", one), dimse("South", other)))
        wait_until(lambda: "complete</span>" in text(client.get(address)))
    return address


def test_whoever_may_read_opens_and_operators_bring(federate: Federate, dimse: Make) -> None:
    viewer, operator = signed_in(Role.VIEWER), signed_in(Role.OPERATOR)
    address = found(viewer, federate, dimse)
    assert "Bring</button>" not in text(viewer.get(address))
    assert viewer.post(f"{address}fetch/", {"study": "1.2.3.1"}).status_code == 403

    opened = viewer.post(f"{address}open/", {"study": "1.2.3.1"})

    fetch = Fetch.objects.get()
    assert opened["Location"] == f"{LIST}{fetch.pk}/?then=viewer"
    assert (fetch.priority, fetch.state) == (READER, FetchState.WAITING)
    assert "On its way" in text(viewer.get(address))
    assert "Cancel</button>" not in text(viewer.get(f"{LIST}{fetch.pk}/"))
    assert viewer.post(f"{LIST}{fetch.pk}/cancel/").status_code == 403
    Fetch.objects.all().delete()
    SpanningConfig.objects.all().delete()
    Source.objects.all().delete()

    address = found(operator, federate, dimse)
    assert "Bring</button>" in text(operator.get(address))
    operator.post(f"{address}fetch/", {"study": "1.2.3.1"})
    assert Fetch.objects.get().priority == BY_HAND


@pytest.mark.parametrize(
    ("uid", "words"),
    [("1.2.3.2", "nobody knows whose would come"), ("1.2.3.9", "did not find such a study"), ("", "did not find such")],
)
def test_what_is_not_brought(uid: str, words: str, operator: Client, federate: Federate, dimse: Make) -> None:
    address = found(operator, federate, dimse)

    for door in ("open", "fetch"):
        response = operator.post(f"{address}{door}/", {"study": uid}, follow=True)
        assert words in text(response)
    assert not Fetch.objects.exists()


def test_a_federation_that_is_off_brings_nothing(operator: Client, federate: Federate, dimse: Make) -> None:
    address = found(operator, federate, dimse)
    SpanningConfig.objects.update(is_enabled=False)

    response = operator.post(f"{address}open/", {"study": "1.2.3.1"}, follow=True)

    assert "is switched off" in text(response)


def test_the_page_of_one_tells_how_far_it_is_and_goes_on_to_the_viewer(viewer: Client) -> None:
    fetch = FetchFactory.create(source=SourceFactory.create(name="North"))
    address = f"{LIST}{fetch.pk}/?then=viewer"
    page = text(viewer.get(address))
    assert "25 % has arrived" in page
    assert "50 of 200" in page
    assert "from North" in page
    assert "HX-Redirect" not in viewer.get(address, headers={"HX-Request": "true"})

    StudyFactory.create(study_instance_uid=fetch.study_instance_uid)
    Fetch.objects.update(state=FetchState.DONE, instances_arrived=200, finished_at=timezone.now())

    follows = viewer.get(address, headers={"HX-Request": "true"})
    assert follows["HX-Redirect"] == f"/viewer/?StudyInstanceUIDs={fetch.study_instance_uid}"
    # Who comes back to it is not led away again, and has the link; who only had it brought stays.
    plain = viewer.get(address)
    assert "HX-Redirect" not in plain
    assert f'href="/viewer/?StudyInstanceUIDs={fetch.study_instance_uid}"' in text(plain)
    assert "HX-Redirect" not in polled(viewer, f"{LIST}{fetch.pk}/", 0)


def test_what_failed_says_why_and_is_tried_again(operator: Client, viewer: Client) -> None:
    failed = FetchFactory.create(state=FetchState.FAILED, last_error="North: it broke off.", attempts=6)
    address = f"{LIST}{failed.pk}/"
    assert "North: it broke off." in text(viewer.get(address))
    assert "Try again" not in text(viewer.get(address))
    assert viewer.post(f"{address}again/").status_code == 403

    response = operator.post(f"{address}again/")

    fetch = Fetch.objects.get(state=FetchState.WAITING)
    assert response["Location"] == f"{LIST}{fetch.pk}/"
    assert (fetch.study_instance_uid, fetch.config) == (failed.study_instance_uid, failed.config)


def test_one_is_cancelled_and_not_twice(operator: Client) -> None:
    fetch = FetchFactory.create()

    assert "what had arrived stays" in text(operator.post(f"{LIST}{fetch.pk}/cancel/", follow=True))
    fetch.refresh_from_db()
    assert fetch.state == FetchState.CANCELLED
    assert "It had ended already" in text(operator.post(f"{LIST}{fetch.pk}/cancel/", follow=True))


def test_the_list_by_state(viewer: Client) -> None:
    uids = {state: FetchFactory.create(state=state).study_instance_uid for state in FetchState}

    for tab, states in {
        "": ("waiting", "fetching", "arrived"), "failed": ("failed",), "done": ("done",), "all": tuple(uids)
    }.items():  # fmt: skip
        page = text(viewer.get(f"{LIST}?tab={tab}"))
        assert {state for state, uid in uids.items() if uid in page} == set(states)
