"""The built-in viewer in a real browser: load, scroll, window, measure, planes, keys, themes, and what is hostile."""

import io
import re
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, Route, expect
from pytest_django.live_server_helper import LiveServer

from studies.models import Study
from tests.e2e.conftest import OpenPage
from tests.e2e.matrix import LOOKS, SHOW, WHOLE, violations
from tests.e2e.pictures import HOSTILE, ODD_STUDY, head, oddities

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.embedded,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("built"),
]
SLICES = 24  # in two series


@pytest.fixture
def viewer(archive: Callable[..., None], open_page: OpenPage) -> Callable[..., Page]:
    """The viewer with the CT of a head, its first picture shown."""

    def open_(**options: object) -> Page:
        archive(head(SLICES))
        page = open_page(f"/viewer/?StudyInstanceUIDs={Study.objects.get()}", **options)
        shown(page)
        return page

    return open_


def shown(page: Page, cell: int = 1, kind: str = "stack") -> Locator:
    found = page.locator(f"[data-cell='{cell}'][data-shown='{kind}']")
    found.wait_for()
    return found


def corner(page: Page, place: str) -> Locator:
    return page.locator(f".cell .{place}").first


def middle(page: Page) -> tuple[float, float]:
    box = page.locator(".picture").first.bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def drag(page: Page, start: tuple[float, float], end: tuple[float, float]) -> None:
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move(*end, steps=6)
    page.mouse.up()


def test_reading_a_stack_with_the_mouse(viewer: Callable[..., Page]) -> None:
    page = viewer()
    expect(corner(page, "top-left")).to_contain_text("Dunn, Naomi")
    expect(corner(page, "bottom-right")).to_contain_text("6 / 12")  # the middle first
    expect(page.locator(".cell")).to_have_attribute("data-loaded", "12")  # then what is around it
    x, y = middle(page)

    page.mouse.move(x, y)
    page.mouse.wheel(0, 100)
    expect(corner(page, "bottom-right")).to_contain_text("7 / 12")
    expect(corner(page, "bottom-left")).to_contain_text("W 85 L 38 HU")
    drag(page, (x, y), (x + 50, y + 25))
    expect(corner(page, "bottom-left")).not_to_contain_text("W 85 L 38 HU")
    page.get_by_label("Window preset").select_option("2")
    expect(corner(page, "bottom-left")).to_contain_text("W 1500 L -600 HU")
    page.get_by_role("button", name="Reset").click()
    expect(corner(page, "bottom-left")).to_contain_text("W 85 L 38 HU")

    page.get_by_role("button", name="Length").click()
    drag(page, (x - 90, y), (x + 90, y))
    expect(page.locator(".picture svg text").first).to_contain_text(re.compile(r"[\d.]+ mm"))
    page.get_by_role("button", name="Ellipse").click()
    drag(page, (x - 60, y + 60), (x, y + 110))
    expect(page.locator(".picture svg").first).to_contain_text("Mean")
    page.get_by_role("button", name="Erase").click()
    expect(page.locator(".picture svg text")).to_have_count(0)


def test_the_first_picture_comes_before_the_tools(archive: Callable[..., None], open_page: OpenPage) -> None:
    archive(head(SLICES))
    page = open_page("/")
    waiting: list[Route] = []

    def hold(route: Route) -> None:
        waiting.append(route)

    page.route(re.compile(r"/main(\.[^/.]+)?\.js$"), hold)
    page.goto(f"/viewer/?StudyInstanceUIDs={Study.objects.get()}")

    page.locator(".preview img").wait_for()
    expect(page.locator(".preview")).to_contain_text("Preview")
    before = grey(page.screenshot())
    for route in waiting:
        route.continue_()
    shown(page)

    # The same picture at the same place: nothing jumps when the viewer takes over.
    expect(page.locator(".preview")).to_have_count(0)
    after = grey(page.screenshot())
    assert before.std() > 20
    assert np.corrcoef(before.ravel(), after.ravel())[0, 1] > 0.98


def test_a_script_that_cannot_be_loaded_is_told(
    archive: Callable[..., None], browser: Browser, live_server: LiveServer, open_page: OpenPage
) -> None:
    archive(head(SLICES))
    state = open_page("/").context.storage_state()
    page = browser.new_context(base_url=live_server.url, storage_state=state).new_page()  # its console may complain
    page.route(re.compile(r"/main(\.[^/.]+)?\.js$"), lambda route: route.abort())
    page.goto(f"/viewer/?StudyInstanceUIDs={Study.objects.get()}")

    expect(page.locator(".notice.is-bad")).to_contain_text("Reload this page")
    expect(page.locator(".preview")).to_have_count(0)
    page.context.close()


def grey(screenshot: bytes) -> npt.NDArray[np.float64]:
    """The middle of the grid, where no words are."""
    picture = np.asarray(Image.open(io.BytesIO(screenshot)).convert("L"), float)
    return picture[300:700, 600:1100]


def test_reading_with_the_keys_alone(viewer: Callable[..., Page]) -> None:
    page = viewer()
    keys = page.keyboard
    for key, words in (("ArrowDown", "7 / 12"), ("ArrowUp", "6 / 12"), ("Home", "1 / 12"), ("End", "12 / 12")):
        keys.press(key)
        expect(corner(page, "bottom-right")).to_contain_text(words)
    keys.press("4")
    expect(corner(page, "bottom-left")).to_contain_text("W 2500 L 480")
    keys.press("+")
    expect(corner(page, "bottom-left")).to_contain_text("115 %")
    keys.press("t")
    expect(page.locator(".edge.top").first).to_have_text("R")
    keys.press("0")
    expect(page.locator(".edge.top").first).to_have_text("A")
    keys.press("k")
    expect(corner(page, "bottom-right")).to_contain_text("key image")
    keys.press("Home")
    expect(corner(page, "bottom-right")).not_to_contain_text("key image")
    keys.press("n")
    expect(corner(page, "bottom-right")).to_contain_text("key image")
    keys.press("o")
    expect(page.locator(".overlay").first).to_be_hidden()
    keys.press("o")
    keys.press("PageDown")
    expect(corner(page, "top-right")).to_contain_text("Head bone")
    keys.press("q")
    keys.press("ArrowRight")
    expect(page.locator("[data-cell='2']")).to_be_focused()
    page.locator(".series-card").first.focus()
    keys.press("Enter")
    shown(page, cell=2)
    expect(page.locator("[data-cell='2']")).to_have_attribute("aria-label", "Viewport 2: Head soft tissue")


def test_keys_are_changed_in_the_sheet_and_kept(viewer: Callable[..., Page]) -> None:
    page = viewer()
    page.keyboard.press("?")
    page.get_by_role("button", name="Key for Invert").click()
    page.keyboard.press("y")
    expect(page.get_by_role("button", name="Key for Invert: y.")).to_be_focused()
    page.keyboard.press("Escape")
    page.reload()
    shown(page)

    page.keyboard.press("?")

    expect(page.get_by_role("button", name="Key for Invert: y.")).to_be_visible()
    page.get_by_role("button", name="All keys as they were").click()
    expect(page.get_by_role("button", name="Key for Invert: i.")).to_be_visible()


def test_planes_of_a_volume_and_back(viewer: Callable[..., Page]) -> None:
    page = viewer()
    page.keyboard.press("m")
    for cell, plane in enumerate(("axial", "sagittal", "coronal"), 1):
        shown(page, cell, "volume")
        expect(page.locator(f"[data-cell='{cell}'] .bottom-right")).to_contain_text(plane)
    before = page.locator("[data-cell='1'] .bottom-right").inner_text()
    page.keyboard.press("ArrowDown")
    expect(page.locator("[data-cell='1'] .bottom-right")).not_to_have_text(before)
    page.get_by_role("button", name="Cross").click()

    page.keyboard.press("m")

    shown(page)
    expect(page.locator(".cell")).to_have_count(1)


def test_tags_are_searched(viewer: Callable[..., Page]) -> None:
    page = viewer()
    page.keyboard.press("g")
    dialog = page.get_by_role("dialog")

    dialog.get_by_placeholder("tag, name or value").fill("slice thick")

    expect(dialog.locator("tbody tr:visible")).to_have_count(1)
    expect(dialog.locator("tbody tr:visible")).to_contain_text("(0018,0050)")


def test_error_is_told_in_place_and_tried_again(viewer: Callable[..., Page]) -> None:
    page = viewer()
    page.route("**/metadata", lambda route: route.fulfill(status=404, body=""))
    page.locator(".series-card").nth(1).click()
    expect(page.locator(".notice")).to_contain_text("not in the archive")

    page.unroute("**/metadata")
    page.locator(".series-card").nth(1).click()

    expect(corner(page, "top-right")).to_contain_text("Head bone")
    shown(page)


def test_axe_finds_nothing(viewer: Callable[..., Page]) -> None:
    page = viewer()
    page.emulate_media(reduced_motion="reduce")  # a colour on its way to the other theme is none of either
    found = _in_both_themes(page)
    page.keyboard.press("?")
    found += _in_both_themes(page)
    page.keyboard.press("Escape")
    page.keyboard.press("g")
    page.get_by_placeholder("tag, name or value").wait_for()
    found += _in_both_themes(page)

    assert found == []


def test_every_encoding_and_object_says_what_it_is_and_hostile_words_are_text(
    archive: Callable[..., None], open_page: OpenPage
) -> None:
    archive(oddities())
    page = open_page(f"/viewer/?StudyInstanceUIDs={ODD_STUDY}")
    shown(page)
    kinds = {}
    for card in page.locator(".series-card").all():
        words = card.locator(".series-card-name").inner_text()
        card.click()
        cell = page.locator(".cell[data-shown]")
        cell.wait_for()
        expect(page.locator(".cell")).to_have_attribute("aria-label", re.compile(re.escape(words)))
        kinds[words] = cell.get_attribute("data-shown")

    assert {words for words, kind in kinds.items() if kind == "object"} == {
        "Segmentation",
        "Report",
        "Plan",
        "Waveform",
    }
    page.get_by_role("button", name="Report").click()
    expect(page.get_by_role("region", name="Content of the report")).to_contain_text("Observation Context Mode: DIRECT")
    assert page.title().startswith("<img")
    assert page.locator("img[src='x']").count() == 0
    page.keyboard.press("g")
    expect(page.get_by_role("dialog")).to_contain_text(HOSTILE)


def _in_both_themes(page: Page) -> list[str]:
    page.evaluate(SHOW, ["theme", "light"])
    found = violations(page, WHOLE)
    page.evaluate(SHOW, ["theme", "dark"])
    return found + violations(page, LOOKS)
