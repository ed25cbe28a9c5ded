"""The study list in a real browser: rows are chosen and unfolded with the keyboard, and an action on many is done."""

import re

import pytest
from playwright.sync_api import expect

from gateway.batches.run import work
from routing.models import Delivery
from tests.e2e.conftest import OpenPage
from tests.factories import DestinationFactory, InstanceFactory, StudyFactory

pytestmark = [pytest.mark.e2e, pytest.mark.embedded, pytest.mark.django_db(transaction=True)]


def test_rows_are_chosen_unfolded_and_sent(open_page: OpenPage) -> None:
    DestinationFactory.create(name="PACS")
    for name in ("Dahl", "Cruz", "Berg", "Aalto"):
        InstanceFactory.create(series__study__patient_name=name, series__modality="SR")
    page = open_page("/studies/")
    send = page.get_by_role("button", name=re.compile(r"^Send( \(\d+\))? …$"))
    expect(send).to_be_disabled()

    # Unfolded and folded with the keyboard, and the list is not asked for anew by choosing.
    page.keyboard.press("j")
    page.keyboard.press("ArrowRight")
    expect(page.locator("[data-glance]")).to_be_visible()
    page.keyboard.press("ArrowLeft")
    expect(page.locator("[data-glance]")).to_be_hidden()
    page.keyboard.press("x")
    expect(send).to_have_text(re.compile(r"Send \(1\) …"))
    page.locator("[data-choose]").nth(2).click(modifiers=["Shift"])
    expect(send).to_have_text(re.compile(r"Send \(3\) …"))
    page.locator("[data-choose-all]").check()
    page.locator("[data-choose]").first.uncheck()
    page.locator("[data-choose]").nth(2).click(modifiers=["Shift"])
    expect(send).to_have_text(re.compile(r"Send \(1\) …"))

    send.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Send to destinations: 1 study")
    page.get_by_label("PACS").check()
    page.get_by_role("button", name="Send to destinations: 1 study").click()
    expect(page.get_by_text("0 done, 0 not done, 1 waiting")).to_be_visible()
    work(60)

    expect(page.get_by_text("1 done, 0 not done, 0 waiting")).to_be_visible()
    expect(page.get_by_text("1 instance on the way to PACS")).to_be_visible()
    assert Delivery.objects.get().instance.series.study.patient_name == "Dahl"


def test_menus_and_choices_stay_when_the_list_is_filtered(open_page: OpenPage) -> None:
    StudyFactory.create_batch(3, patient_name="Aalto")
    StudyFactory.create(patient_name="Berg", calling_ae_title="MR1")
    page = open_page("/studies/")

    page.get_by_label("Sending AE title").fill("MR*")
    expect(page.locator("#study-rows tr")).to_have_count(1)
    page.get_by_text("Saved filters").click()
    page.get_by_label("Save these filters as").fill("MR")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".chips [aria-current]")).to_have_text(re.compile("MR"))
    expect(page).to_have_url(re.compile(r"/studies/\?sender=MR(\*|%2A)$"))
