"""What each role does with the portal in a day, and what it cannot do."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect
from pydicom.data import get_testdata_file

from gateway.accounts.models import ApiKey, Role, User
from gateway.batches.run import work
from routing.models import Delivery, DeliveryState, Destination, Rule
from studies.models import Study
from tests.e2e.conftest import OpenPage
from tests.e2e.pictures import head
from tests.factories import DeliveryFactory, DestinationFactory, InstanceFactory

pytestmark = [pytest.mark.e2e, pytest.mark.embedded, pytest.mark.django_db(transaction=True)]


@pytest.mark.usefixtures("built")
def test_viewer_finds_a_study_and_looks_at_it_but_cannot_send(
    archive: Callable[..., None], open_page: OpenPage
) -> None:
    archive(head(8))
    InstanceFactory.create(series__study__patient_name="Aalto^Eva")
    DestinationFactory.create(name="PACS", is_enabled=False)
    page = open_page("/studies/", role=Role.VIEWER)

    page.get_by_label("Search in name").fill("dunn")
    expect(page.locator("#study-rows tr")).to_have_count(1)
    page.get_by_title("Open in the viewer").click()
    expect(page.locator(".cell[data-shown]").first).to_be_visible()
    expect(page.locator(".cell .top-left").first).to_contain_text("Dunn, Naomi")

    page.goto(f"/studies/{Study.objects.get(patient_name='Dunn^Naomi')}/")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Dunn")
    for name in ("Send", "Retry", "Delete", "Edit"):
        expect(page.get_by_role("button", name=name)).to_have_count(0)
    page.goto("/destinations/")
    expect(page.get_by_role("switch")).to_be_disabled()
    token = page.locator("[name=csrfmiddlewaretoken]").first.get_attribute("value")
    refused = page.context.request.post(
        "/studies/batch/", form={"action": "send", "all": "1", "csrfmiddlewaretoken": str(token)}
    )
    assert refused.status == 403
    assert not Delivery.objects.exists()


def test_operator_sends_and_retries_but_configures_nothing(open_page: OpenPage) -> None:
    DestinationFactory.create(name="PACS")
    InstanceFactory.create(series__study__patient_name="Berg^Finn")
    DeliveryFactory.create(has_failed=True, instance__series__study__patient_name="Aalto^Eva")
    page = open_page("/studies/?patient_name=berg", role=Role.OPERATOR)

    page.locator("[data-choose]").first.check()
    page.get_by_role("button", name=re.compile(r"^Send \(1\)")).click()
    page.get_by_label("PACS").check()
    page.get_by_role("button", name="Send to destinations: 1 study").click()
    expect(page.get_by_text("0 done, 0 not done, 1 waiting")).to_be_visible()
    work(60)
    page.reload()
    expect(page.get_by_text("1 instance on the way to PACS")).to_be_visible()

    page.goto("/deliveries/?tab=failed")
    page.get_by_role("button", name="Retry now").click()
    expect(page.get_by_text("1 delivery will be tried now.")).to_be_visible()
    assert set(Delivery.objects.values_list("state", flat=True)) == {DeliveryState.PENDING}

    page.goto("/destinations/")
    expect(page.get_by_role("switch").first).to_be_disabled()
    expect(page.get_by_role("link", name="Add a destination")).to_have_count(0)
    expect(page.get_by_role("link", name="Users")).to_have_count(0)


def test_administrator_sets_up_a_way_and_people_and_finds_it_on_record(open_page: OpenPage) -> None:
    page = open_page("/", role=Role.ADMINISTRATOR)
    page.get_by_role("link", name="Add an allowlist entry").click()
    _fill(page, {"Calling AE title": "CT_ROOM1", "Network": "10.20.1.0/24"})
    page.get_by_role("button", name="Add the entry").click()
    expect(page.get_by_role("link", name="CT_ROOM1")).to_be_visible()

    page.goto("/destinations/new/")
    _fill(page, {"Name": "Archive", "AE title": "ARCHIVE", "Host": "10.20.1.9", "Port": "104"})
    page.get_by_role("button", name="Add the destination").click()
    expect(page.get_by_text("Archive is added.")).to_be_visible()
    DeliveryFactory.create(destination=Destination.objects.get(), instance__series__study__patient_name="Aalto^Eva")
    page.get_by_role("switch").click()
    expect(page.get_by_text("Archive is held: 1 wait")).to_be_visible()
    page.get_by_role("switch").click()
    expect(page.get_by_text("Archive is released: 1 waiting go out now.")).to_be_visible()

    page.goto("/rules/new/")
    page.get_by_label("Name", exact=True).fill("CT to the archive")
    page.locator("[data-conditions] > .buttons [data-do=add]").click()
    page.get_by_label("Attribute").first.fill("Modality")
    page.get_by_label("Value").first.fill("CT")
    page.get_by_label("Archive").check()
    page.locator("input[type=file]").set_input_files(str(get_testdata_file("CT_small.dcm")))
    page.get_by_role("button", name="Try this draft").click()
    expect(page.locator(".verdict").first).to_contain_text("CT to the archive draft matches")
    page.get_by_role("button", name="Add the rule").click()
    expect(page.get_by_text("CT to the archive is saved as version 1.")).to_be_visible()

    page.goto("/users/new/")
    _fill(page, {"User name": "vera"})
    page.get_by_role("button", name="Add the user").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("vera is added")
    page.goto("/api-keys/new/")
    _fill(page, {"Name": "Ward 3"})
    page.get_by_label("Viewer").check()
    page.get_by_role("button", name="Make the key").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("The key of Ward 3")

    page.goto("/audit/?action=created")
    for words in ("CT_ROOM1", "Archive", "CT to the archive", "vera", "Ward 3"):
        expect(page.locator("tbody")).to_contain_text(words)
    assert {rule.name for rule in Rule.objects.filter(is_enabled=True)} >= {"CT to the archive"}
    assert User.objects.get(username="vera").must_change_password
    assert ApiKey.objects.get(name="Ward 3").scopes == ["viewer"]


def _fill(page: Page, fields: dict[str, str]) -> None:
    for label, value in fields.items():
        page.get_by_label(label, exact=True).fill(value)
