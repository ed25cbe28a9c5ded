"""The lists without a mouse, and while they renew themselves."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import OpenPage
from tests.factories import DeliveryFactory
from tests.gateway.portal.pages import make_rows

pytestmark = [pytest.mark.e2e, pytest.mark.embedded, pytest.mark.django_db(transaction=True)]


def test_lists_of_all_kinds_by_the_keyboard(open_page: OpenPage) -> None:
    rows = make_rows(2)
    page = open_page()
    for path in ("/studies/", "/deliveries/?tab=all", "/destinations/", "/rules/", "/archives/sources/"):
        page.goto(path)
        for key in ("j", "j", "k"):
            page.keyboard.press(key)
        row = page.locator("main [data-row]:focus")
        expect(row).to_have_count(1)
        expect(row).to_have_attribute("href", str(page.locator("main [data-row]").first.get_attribute("href")))
        address = str(row.get_attribute("href"))
        page.keyboard.press("?")
        expect(page.get_by_role("dialog")).to_be_visible()
        page.keyboard.press("j")  # the sheet is read, no row is chosen
        page.keyboard.press("Escape")
        expect(row).to_be_focused()
        page.keyboard.press("Enter")
        expect(page).to_have_url(re.compile(re.escape(address) + "$"))

    # Where there is nothing to type in, it is that of the studies.
    page.goto(f"/rules/{rows.delivery.rule_version.rule_id}/" if rows.delivery.rule_version else "/rules/")
    page.keyboard.press("/")
    expect(page.get_by_label("Search in name")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_label("Search in name")).not_to_be_focused()


def test_nothing_jumps_while_a_list_renews_itself(open_page: OpenPage) -> None:
    DeliveryFactory.create_batch(2, has_failed=True)
    page = open_page("/deliveries/?tab=failed")
    rows = page.locator(".delivery-table tbody tr")
    page.set_viewport_size({"width": 390, "height": 900})
    page.locator(".reasons summary").click()
    page.locator(".delivery-table").evaluate("(table) => { table.parentElement.scrollLeft = 200; }")
    page.keyboard.press("j")
    first = str(page.locator("[data-row]:focus").get_attribute("href"))
    DeliveryFactory.create(has_failed=True)

    _look(page)  # somebody is in the list: it rests
    expect(page.locator("[data-row]:focus")).to_have_attribute("href", first)
    expect(rows).to_have_count(2)

    page.locator("[data-row]:focus").blur()
    scrolled = page.locator(".delivery-table").evaluate("(table) => table.parentElement.scrollLeft")
    _look(page)
    expect(rows).to_have_count(3)
    expect(page.locator(".reasons")).not_to_have_attribute("open", re.compile(".*"))
    assert page.locator(".delivery-table").evaluate("(table) => table.parentElement.scrollLeft") == scrolled


def _look(page: Page) -> None:
    """Have the list ask now, as it does every five seconds."""
    page.evaluate("() => htmx.trigger('#deliveries', 'look')")
