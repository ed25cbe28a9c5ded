"""OHIF in a real browser: its list, pictures of every encoding, planes and PDFs; and the notice where it is absent."""

import base64
import hashlib
import io
from collections.abc import Callable, Iterable, Iterator

import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, Response, expect
from pydicom.dataset import Dataset

from gateway.env import Environment
from tests import ohif
from tests.e2e.conftest import OpenPage
from tests.e2e.pictures import LETTER_STUDY, ODD_STUDY, head, letter, oddities
from tests.factories import PASSWORD

pytestmark = [pytest.mark.e2e, pytest.mark.embedded, pytest.mark.django_db(transaction=True)]
SLICES = 24  # in two series
# How many values a picture that is drawn has: a canvas is black, or clear, before.
GREYS = """canvas => {
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    return new Set(data.filter((_, place) => place % 4 === 0)).size;
}"""
ARE_DRAWN = f"count => {{ const all = [...document.querySelectorAll('canvas.cornerstone-canvas')].map({GREYS});\
 return all.length === count && all.every(greys => greys > 16); }}"


@pytest.fixture
def open_ohif(home: Environment, archive: Callable[..., None], open_page: OpenPage) -> Iterator[Callable[..., Page]]:
    """Call it with what is stored and a path; whatever DICOMweb answers but with a success fails."""
    if not ohif.is_installed():
        pytest.skip("python -m tests.ohif (50 MB from the npm registry)")
    (home.home / "ohif").symlink_to(ohif.folder())
    refused: list[str] = []

    def open_(data_sets: Iterable[Dataset], path: str) -> Page:
        archive(data_sets)
        page = open_page("/")
        page.on("response", lambda response: _note(refused, response))
        page.goto(path)
        page.get_by_role("button", name="Confirm and hide").click()
        return page

    yield open_
    assert refused == []


def _note(refused: list[str], response: Response) -> None:
    if response.status >= 400:
        refused.append(f"{response.status} {response.url}")


def series(page: Page) -> Locator:
    return page.locator("[data-cy=study-browser-thumbnail], [data-cy=study-browser-thumbnail-no-image]")


def test_its_list_finds_a_study_and_opens_it(open_ohif: Callable[..., Page]) -> None:
    page = open_ohif([*head(SLICES), *oddities()], "/ohif/")
    rows = page.get_by_role("row").filter(has_text="2026").or_(page.get_by_role("row").filter(has_text="2016"))
    expect(rows).to_have_count(2)
    patient = page.get_by_role("textbox").first

    patient.fill("dunn")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("CT head without contrast")
    patient.fill("nobody")
    expect(page.get_by_text("No studies available")).to_be_visible()
    patient.fill("")
    expect(rows).to_have_count(2)
    rows.filter(has_text="Dunn, Naomi").dblclick()

    expect(series(page)).to_have_count(2)
    page.wait_for_function(ARE_DRAWN, arg=1)


def test_a_ct_is_drawn_and_scrolled_and_its_planes_are(open_ohif: Callable[..., Page]) -> None:
    study = head(SLICES)[0].StudyInstanceUID
    page = open_ohif(head(SLICES), f"/ohif/viewer?StudyInstanceUIDs={study}")
    expect(series(page)).to_have_count(2)
    expect(series(page).first).to_contain_text("Head soft tissue")
    expect(series(page).last).to_contain_text("Head bone")
    page.wait_for_function(ARE_DRAWN, arg=1)
    pane = page.locator("[data-cy=viewport-pane]")
    expect(pane).to_contain_text("(1/12)")

    pane.hover()
    page.mouse.wheel(0, 100)
    expect(pane).to_contain_text("(2/12)")
    series(page).last.dblclick()
    expect(pane).to_contain_text("Head bone")
    page.wait_for_function(ARE_DRAWN, arg=1)

    page.goto(f"/ohif/viewer?StudyInstanceUIDs={study}&hangingprotocolId=mpr")
    page.wait_for_function(ARE_DRAWN, arg=3)


def test_every_encoding_is_drawn(open_ohif: Callable[..., Page]) -> None:
    page = open_ohif(oddities(), f"/ohif/viewer?StudyInstanceUIDs={ODD_STUDY}")
    expect(series(page)).to_have_count(14)
    expect(page.locator("[data-cy=study-browser-thumbnail] img")).to_have_count(9)

    pictures = {}
    for card in page.locator("[data-cy=study-browser-thumbnail]").all():
        source = card.locator("img").get_attribute("src") or ""
        picture = Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2]))).convert("RGB")
        name = card.inner_text().split("\n")[1]
        assert len(picture.getcolors(1 << 24) or ()) > 8, name
        pictures[name] = hashlib.sha256(picture.tobytes()).hexdigest()

    # The same slice, encoded three times; all else is different.
    assert pictures["JPEG-LS"] == pictures["RLE"] == pictures["Big endian"]
    assert len(set(pictures.values())) == 7


def test_a_pdf_is_shown_in_its_page(open_ohif: Callable[..., Page]) -> None:
    page = open_ohif([letter()], f"/ohif/viewer?StudyInstanceUIDs={LETTER_STUDY}")
    document = page.locator("object[type='application/pdf']")
    expect(document).to_be_visible()
    address = document.get_attribute("data") or ""

    assert address.endswith("/rendered")
    # A document that may not be framed is an error's page instead.
    page.wait_for_timeout(1_000)
    assert [frame.url for frame in page.frames if frame.url.endswith(address)]


def test_whose_session_has_ended_is_led_to_sign_in_and_back(open_ohif: Callable[..., Page]) -> None:
    # In a tab of its own: the refusal is what it is about, and would fail in the first.
    page = open_ohif(head(SLICES), "/ohif/").context.new_page()
    page.goto("/ohif/")
    expect(page.get_by_text("Dunn, Naomi")).to_be_visible()
    page.context.clear_cookies()

    page.get_by_role("textbox").first.fill("dunn")

    page.get_by_label("User name").fill("admin")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/ohif/?patientName=dunn")
    expect(page.get_by_text("Dunn, Naomi")).to_be_visible()


def test_absent_its_page_says_how_to_install_it(home: Environment, open_page: OpenPage) -> None:
    page = open_page("/ohif/viewer?StudyInstanceUIDs=1.2.3")

    expect(page.get_by_role("heading", name="OHIF is not installed here")).to_be_visible()
    expect(page.get_by_text("make ohif")).to_be_visible()
    page.get_by_role("main").get_by_role("link", name="Studies").click()
    expect(page.get_by_role("heading", name="Studies", level=1)).to_be_visible()


def test_the_viewer_leads_there(open_ohif: Callable[..., Page], built: None) -> None:
    study = head(SLICES)[0].StudyInstanceUID
    page = open_ohif(head(SLICES), "/ohif/")
    page.goto(f"/viewer/?StudyInstanceUIDs={study}")

    page.get_by_role("link", name="Advanced viewer").click()

    expect(series(page)).to_have_count(2)
