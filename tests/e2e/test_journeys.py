"""What people do with the portal, in a real browser."""

import re

import pytest
from playwright.sync_api import Page, expect
from pydicom.data import get_testdata_file

from routing.models import Delivery, DeliveryState, Destination, Rule
from studies.models import Study
from tests.e2e.conftest import OpenPage
from tests.factories import DeliveryFactory, DestinationFactory, RuleFactory, StudyFactory

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]


def test_sign_in_with_a_wrong_then_the_right_password(open_page: OpenPage) -> None:
    page = open_page()
    page.get_by_role("button", name="Sign out").click()
    page.get_by_label("User name").fill("admin")
    page.get_by_label("Password").fill("wrong")
    page.get_by_label("Password").press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("do not belong together")


def test_list_follows_what_is_typed_and_the_address_follows_the_list(open_page: OpenPage) -> None:
    StudyFactory.create(patient_name="Aalto^Eva")
    StudyFactory.create(patient_name="Berg^Finn")
    page = open_page("/studies/")

    page.get_by_label("Patient name").press_sequentially("ber")

    expect(page.locator("#study-rows tr")).to_have_count(1)
    expect(page.locator("#study-count")).to_have_text("1")
    expect(page).to_have_url(re.compile(r"/studies/\?patient_name=ber$"))
    expect(page.get_by_label("Patient name")).to_be_focused()
    page.get_by_label("Patient name").fill("bergx")
    expect(page.get_by_text("No study matches these filters")).to_be_visible()
    page.locator("#clear a").click()
    expect(page.locator("#study-rows tr")).to_have_count(2)
    expect(page).to_have_url(re.compile(r"/studies/$"))


def test_address_of_a_filtered_list_brings_it_back(open_page: OpenPage) -> None:
    StudyFactory.create(patient_name="Aalto^Eva")
    StudyFactory.create(patient_name="Berg^Finn")
    page = open_page("/studies/")
    page.get_by_label("Search in name").fill("eva")
    expect(page.locator("#study-rows tr")).to_have_count(1)

    page.reload()

    expect(page.get_by_label("Search in name")).to_have_value("eva")
    expect(page.locator("#study-rows tr")).to_have_count(1)


def test_period_and_dates_exclude_each_other(open_page: OpenPage) -> None:
    page = open_page("/studies/?period=today")

    page.get_by_label("from", exact=True).fill("2026-01-01")

    expect(page.get_by_label("Any date")).to_be_checked()
    expect(page).to_have_url(re.compile(r"/studies/\?study_date_from=2026-01-01$"))


def test_study_is_opened_with_the_keyboard(open_page: OpenPage, hospital: None) -> None:
    page = open_page("/studies/")
    newest, second = Study.objects.all()[:2]

    page.keyboard.press("/")
    expect(page.get_by_label("Search in name")).to_be_focused()
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("Enter")

    expect(page).to_have_url(re.compile(re.escape(second.study_instance_uid)))
    assert newest.pk != second.pk
    page.keyboard.press("g")
    page.keyboard.press("q")
    expect(page).to_have_url(re.compile(r"/deliveries/$"))


def test_series_opens_to_its_instances_and_the_trace_appears(open_page: OpenPage, hospital: None) -> None:
    study = Study.objects.filter(number_of_study_related_series__gt=1).first()
    page = open_page(f"/studies/{study}/")

    expect(page.locator(".trace li").first).to_be_visible()
    page.locator(".series summary").first.focus()
    page.keyboard.press("Enter")

    expect(page.locator(".series[open] tbody tr").first).to_be_visible()


def test_help_sheet_opens_and_closes(open_page: OpenPage) -> None:
    page = open_page()

    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()


def test_failed_delivery_is_retried(open_page: OpenPage) -> None:
    deliveries = DeliveryFactory.create_batch(3, has_failed=True)
    page = open_page("/deliveries/?tab=failed")

    expect(page.get_by_role("button", name="Retry chosen")).to_be_disabled()
    page.locator("[data-choose]").first.check()
    page.get_by_role("button", name="Retry chosen (1)").click()

    expect(page.get_by_text("1 delivery will be tried now.")).to_be_visible()
    expect(page.locator(".delivery-table tbody tr")).to_have_count(2)
    assert Delivery.objects.get(state=DeliveryState.PENDING) == deliveries[-1]


def test_all_failed_deliveries_are_retried_after_a_question(open_page: OpenPage) -> None:
    DeliveryFactory.create_batch(3, has_failed=True)
    page = open_page("/deliveries/?tab=failed")
    page.once("dialog", lambda dialog: dialog.dismiss())
    page.get_by_role("button", name="Retry all 3").click()
    expect(page.locator(".delivery-table tbody tr")).to_have_count(3)

    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Retry all 3").click()

    expect(page.get_by_text("3 deliveries will be tried now.")).to_be_visible()


def test_queue_moves_while_one_looks_but_not_while_one_chooses(open_page: OpenPage) -> None:
    DeliveryFactory.create(has_failed=True)
    page = open_page("/deliveries/?tab=failed")
    page.locator("[data-choose]").first.check()
    DeliveryFactory.create(has_failed=True)
    page.evaluate("() => htmx.trigger('#deliveries', 'look')")  # as it does every five seconds
    expect(page.locator(".delivery-table tbody tr")).to_have_count(1)

    page.locator("[data-choose]").first.uncheck()
    page.locator("[data-choose]").first.blur()

    expect(page.locator(".delivery-table tbody tr")).to_have_count(2)


def test_destination_is_created_with_an_error_then_right(open_page: OpenPage) -> None:
    page = open_page("/destinations/")
    page.get_by_role("link", name="Add a destination").first.click()
    page.get_by_label("Name", exact=True).fill("Archive")
    page.get_by_label("AE title", exact=True).fill("ARCH\\IVE")
    page.get_by_label("Host").fill("10.0.0.1")
    page.get_by_label("Port").fill("0")
    page.get_by_role("button", name="Add the destination").click()
    expect(page.get_by_role("alert")).to_contain_text("2 fields need attention")
    expect(page.get_by_label("Port")).to_have_attribute("aria-invalid", "true")

    page.get_by_label("AE title", exact=True).fill("ARCHIVE")
    page.get_by_label("Port").fill("104")
    page.get_by_role("button", name="Add the destination").click()

    expect(page.get_by_text("Archive is added.")).to_be_visible()
    assert Destination.objects.get().port == 104


def test_echo_shows_its_answer_in_the_row(open_page: OpenPage) -> None:
    DestinationFactory.create(port=1)
    page = open_page("/destinations/")

    page.get_by_role("button", name="Echo").click()

    expect(page.locator(".echo-answer")).to_contain_text("no answer")


def test_rule_is_made_with_the_editor(open_page: OpenPage) -> None:
    DestinationFactory.create(name="Archive")
    page = open_page("/rules/new/")
    page.get_by_label("Name").fill("Thin CT")
    _add_condition(page, 0, "Modality", "in", "CT, MR")
    page.get_by_role("button", name="Add a group").click()
    group = page.locator("[data-conditions] [data-group]")
    group.get_by_label("Kind of group").select_option("none")
    group.get_by_label("Attribute").fill("StudyDescription")
    group.get_by_label("Operator").select_option("contains")
    group.get_by_label("Value").fill("private")
    _add_condition(page, 2, "SliceThickness", "present", None)
    page.locator("[data-conditions] [data-comparison]").nth(2).get_by_label("Value").wait_for(state="hidden")
    page.get_by_label("Archive").check()
    page.get_by_role("button", name="Add the rule").click()

    expect(page.get_by_text("Thin CT is saved as version 1.")).to_be_visible()
    expect(page.get_by_text("Modality is one of CT, MR")).to_be_visible()
    assert Rule.objects.get().conditions == [
        {"attribute": "Modality", "operator": "in", "value": ["CT", "MR"]},
        {"none": [{"attribute": "StudyDescription", "operator": "contains", "value": "private"}]},
        {"attribute": "SliceThickness", "operator": "present"},
    ]


def test_actions_and_nested_groups_are_made_with_the_editors(open_page: OpenPage) -> None:
    DestinationFactory.create(name="Archive")
    page = open_page("/rules/new/")
    page.get_by_label("Name", exact=True).fill("Research")
    page.get_by_role("button", name="Add a group").click()
    outer = page.locator("[data-conditions] > [data-list] > [data-group]")
    outer.get_by_label("Attribute").fill("Modality")
    outer.get_by_label("Value").fill("CT")
    outer.get_by_role("button", name="Group", exact=True).click()
    inner = outer.locator("[data-group]")
    inner.get_by_label("Kind of group").select_option("none")
    inner.get_by_label("Attribute").fill("PatientSex")
    inner.get_by_label("Value").fill("O")
    page.get_by_role("button", name="Add an action").click()
    first = page.locator("[data-action]").first
    first.get_by_label("Attribute").fill("InstitutionName")
    first.get_by_label("Value").fill("Site 2")
    page.get_by_role("button", name="Add an action").click()
    second = page.locator("[data-action]").nth(1)
    second.get_by_label("Action", exact=True).select_option("map")
    second.get_by_label("Attribute").fill("Modality")
    second.get_by_label("Old and new values").fill("CT = MR, OT = SC")
    page.get_by_label("Archive").check()
    page.get_by_role("button", name="Add the rule").click()
    expect(page.get_by_text("Research is saved as version 1.")).to_be_visible()

    rule = Rule.objects.get()
    assert rule.conditions == [
        {
            "any": [
                {"attribute": "Modality", "operator": "equals", "value": "CT"},
                {"none": [{"attribute": "PatientSex", "operator": "equals", "value": "O"}]},
            ]
        }
    ]
    assert rule.actions == [
        {"action": "set", "attribute": "InstitutionName", "value": "Site 2"},
        {"action": "map", "attribute": "Modality", "table": {"CT": "MR", "OT": "SC"}},
    ]
    page.goto(f"/rules/{rule.pk}/edit/")
    expect(page.locator("[data-action]").nth(1).get_by_label("Old and new values")).to_have_value("CT = MR, OT = SC")


def test_a_draft_is_tried_and_stays_in_the_editor(open_page: OpenPage) -> None:
    rule = RuleFactory.create(name="Live", to=[DestinationFactory.create()])
    page = open_page(f"/rules/{rule.pk}/edit/")
    page.locator("[data-conditions]").get_by_label("Value").fill("MR")
    page.locator("input[type=file]").set_input_files(str(get_testdata_file("CT_small.dcm")))
    page.get_by_role("button", name="Try this draft").click()

    expect(page.locator(".verdict")).to_contain_text("does not match")
    expect(page.locator("[data-conditions]").get_by_label("Value")).to_have_value("MR")
    rule.refresh_from_db()
    assert rule.version == 1


def test_theme_and_density_are_kept_and_applied_before_the_first_paint(open_page: OpenPage) -> None:
    page = open_page("/studies/")
    ground = "getComputedStyle(document.documentElement).backgroundColor"
    height = "document.querySelector('.button').offsetHeight"
    light, compact = page.evaluate(ground), page.evaluate(height)

    page.get_by_role("button", name="Dark theme").click()
    page.get_by_role("button", name="Comfortable rows").click()
    dark, comfortable = page.evaluate(ground), page.evaluate(height)
    page.reload()

    assert light != dark
    assert comfortable > compact >= 24
    assert (page.evaluate(ground), page.evaluate(height)) == (dark, comfortable)
    expect(page.get_by_role("button", name="Dark theme")).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_role("button", name="Comfortable rows")).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_role("button", name="Compact rows")).to_have_attribute("aria-pressed", "false")


def test_session_that_ended_leads_to_sign_in_and_not_into_the_page(open_page: OpenPage) -> None:
    page = open_page("/")
    DeliveryFactory.create()
    page.goto("/")
    page.context.clear_cookies()

    expect(page.get_by_role("heading", name="Sign in")).to_be_visible(timeout=15_000)
    assert "next=" in page.url


def test_a_part_that_renews_itself_says_so_and_a_click_does_not(open_page: OpenPage) -> None:
    page = open_page("/system/")

    with page.expect_request("**/system/lights/") as poll:
        page.goto("/deliveries/")
    assert poll.value.headers["x-poll"] == "1"
    with page.expect_request("**/studies/") as click:
        page.get_by_role("link", name="Studies").first.click()
    assert "x-poll" not in click.value.headers


def _add_condition(page: Page, position: int, attribute: str, operator: str, value: str | None) -> None:
    page.locator("[data-conditions] > .buttons [data-do=add]").click()
    row = page.locator("[data-conditions] > [data-list] > *").nth(position)
    row.get_by_label("Attribute").fill(attribute)
    row.get_by_label("Operator").select_option(operator)
    if value is not None:
        row.get_by_label("Value").fill(value)
