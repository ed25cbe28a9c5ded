"""The first image in the viewer after a click on *Open viewer*: 500 CT, local, in headless Chromium.

``python -m benchmarks.viewer``. The first image is the server's preview, drawn is when the viewer shows it itself and
can be worked with. Cold is a browser profile that has never been here; warm one that has the bundle and
asks for the study again. Chromium draws by SwiftShader here, on the processor: a graphics card is quicker.
"""

import argparse
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Page
from pydicom import dcmread

from benchmarks.bench import Bench
from benchmarks.dicomweb import Service, gantry_service, series_files, store
from benchmarks.gantry import prepare
from benchmarks.receivers import Failed
from tests.e2e.browser import chromium

BAR_SECONDS, GOAL_SECONDS = 1.5, 0.7
CLICKED = "sessionStorage.setItem('clicked', performance.timeOrigin + performance.now())"
SHOWN = """() => ["gantry-first-image", "gantry-drawn"].map((name) => {
  const [mark] = performance.getEntriesByName(name);
  return mark ? performance.timeOrigin + mark.startTime - Number(sessionStorage.getItem("clicked")) : null;
})"""
WAIT_MILLISECONDS = 30_000


@contextmanager
def person(browser: Browser, service: Service, password: str) -> Iterator[BrowserContext]:
    """A browser profile of its own, signed in."""
    context = browser.new_context(
        base_url=f"http://127.0.0.1:{service.port}", viewport={"width": 1440, "height": 900}, bypass_csp=True
    )
    page = context.new_page()
    page.goto("/sign-in/")
    page.get_by_label("User name").fill("admin")
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="Dashboard", level=1).wait_for()
    yield context
    context.close()


def seconds_to_images(context: BrowserContext, study: str) -> tuple[float, float]:
    """From the click on the study page to the first image, and to the one that the viewer draws itself.

    Raises:
        Failed: none came.
    """
    page: Page = context.new_page()
    page.goto(f"/studies/{study}/")
    page.locator(".trace").wait_for()
    page.evaluate(f"() => addEventListener('click', () => {CLICKED}, true)")
    page.get_by_role("link", name="Open viewer").click()
    page.locator(".cell[data-shown]").wait_for(timeout=WAIT_MILLISECONDS)
    first, drawn = page.evaluate(SHOWN)
    page.close()
    if drawn is None:
        raise Failed("no picture was drawn")
    return min(first or drawn, drawn) / 1000, drawn / 1000


def measure(service: Service, password: str, files: list[Path], rounds: int) -> dict[str, float]:
    """Median seconds, cold and warm."""
    study = str(dcmread(files[0], stop_before_pixels=True).StudyInstanceUID)
    cold, warm = [], []
    with chromium() as browser:
        for _ in range(rounds):
            with person(browser, service, password) as context:
                cold.append(seconds_to_images(context, study))
                warm += [seconds_to_images(context, study) for _ in range(2)]
    return {
        f"{what}, {kind}": statistics.median(seconds)
        for kind, runs in (("cold", cold), ("warm", warm))
        for what, seconds in zip(("first image", "drawn"), zip(*runs, strict=True), strict=True)
    }


def main() -> None:
    """Start the product, store the study, click."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="viewer-") as name:
        folder = Path(name)
        bench = Bench(folder, {}, embedded=prepare(folder / "template", None))
        files = series_files(folder / "files")
        (folder / "run").mkdir()
        with gantry_service(bench, folder / "run") as service:
            password = (folder / "run" / "home" / "secrets" / "admin_password").read_text().strip()
            store(service, files)
            found = measure(service, password, files, options.rounds)
    for kind, seconds in found.items():
        verdict = "goal" if seconds <= GOAL_SECONDS else "reached" if seconds <= BAR_SECONDS else "missed"
        print(f"{kind}: {seconds:.2f} s  ({verdict}: to reach {BAR_SECONDS} s, goal {GOAL_SECONDS} s)")


if __name__ == "__main__":
    main()
