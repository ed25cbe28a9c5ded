"""Make the screenshots of docs/screenshots/ again: a temporary installation, the real server, a real browser.

``python tests/e2e/screenshots.py [NAME...]`` makes all of them, or those whose name begins with one that is given.
"""

import io
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from PIL import Image
from pydicom.data import get_testdata_file

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, ViewportSize

ROOT = Path(__file__).resolve().parent.parent.parent
TARGET = ROOT / "docs" / "screenshots"
WIDTH, HEIGHT = 1440, 900
COLOURS = 256
THEMES: tuple[Literal["light"], Literal["dark"]] = ("light", "dark")
# Name of the picture, and its address; each is made in light and in dark. First what a new installation shows.
EMPTY_PAGES = {
    "dashboard-empty": "/",
    "studies-empty": "/studies/",
    "conflicts-empty": "/conflicts/",
    "identity-clashes-empty": "/conflicts/identity/",
    "odd-files-empty": "/odd/",
    "commitments-empty": "/commitments/",
    "remote-nodes-empty": "/remote-nodes/",
    "ai-empty": "/ai/",
    "ai-results-empty": "/ai/results/",
    "rules-empty": "/rules/",
    "back-tests-empty": "/rules/back-tests/",
    "tiers-empty": "/tiers/",
    "tier-cost-empty": "/tiers/cost/",
    "tier-changes-empty": "/tiers/changes/",
    "damage-empty": "/tiers/damage/",
    "archives-empty": "/archives/",
    "sources-empty": "/archives/sources/",
    "fetches-empty": "/archives/fetches/",
    "webhooks-empty": "/webhooks/",
    "sites-empty": "/sites/",
}
PAGES = {
    "dashboard": "/",
    "studies": "/studies/",
    "studies-filtered": "/studies/?modality=CT&description=thorax",
    "study": "/studies/{study}/",
    "receipt": "/studies/{study}/receipt/",
    "archives": "/archives/",
    "archives-running": "/archives/found/{running_query}/",
    "archives-complete": "/archives/found/{complete_query}/",
    "archives-incomplete": "/archives/found/{incomplete_query}/",
    "sources": "/archives/sources/",
    "source": "/archives/sources/{silent}/",
    "source-form": "/archives/sources/{north}/edit/",
    "source-form-dicomweb": "/archives/sources/new/?kind=dicomweb",
    "source-form-local": "/archives/sources/new/?kind=local",
    "federation-form": "/archives/federations/{federation}/",
    "fetches": "/archives/fetches/?tab=all",
    "fetch": "/archives/fetches/{fetch}/?then=viewer",
    "fetch-failed": "/archives/fetches/{failed_fetch}/",
    "deliveries-waiting": "/deliveries/",
    "deliveries-failed": "/deliveries/?tab=failed",
    "delivery": "/deliveries/{delivery}/",
    "destinations": "/destinations/",
    "destination-form": "/destinations/new/",
    "destination-form-stow": "/destinations/new/?kind=stow",
    "destination-form-folder": "/destinations/new/?kind=folder",
    "destination-form-s3": "/destinations/new/?kind=s3",
    "rules": "/rules/",
    "rule-form": "/rules/{rule}/edit/",
    "rule": "/rules/{rule}/",
    "rule-try": "/rules/try/",
    "ai": "/ai/",
    "ai-requests": "/ai/requests/?tab=all",
    "ai-results": "/ai/results/",
    "ai-pool-form": "/ai/pools/{pool}/",
    "ai-worker-form": "/ai/workers/new/?pool={pool}",
    "rule-draft": "/rules/{rule}/edit/",
    "rule-compare": "/rules/{rule}/compare/",
    "rule-shadow": "/rules/{shadow}/shadow/",
    "back-tests": "/rules/back-tests/",
    "back-test": "/rules/back-tests/{back_test}/",
    "back-test-running": "/rules/back-tests/{running}/",
    "allowlist": "/allowlist/",
    "allowlist-form": "/allowlist/{entry}/",
    "remote-nodes": "/remote-nodes/",
    "remote-node-form": "/remote-nodes/new/?ae_title=MR_NORTH&host=10.20.1.21",
    "conflicts": "/conflicts/",
    "identity-clashes": "/conflicts/identity/",
    "odd-files": "/odd/",
    "commitments": "/commitments/",
    "commitment": "/commitments/{commitment}/",
    "commitment-waiting": "/commitments/{waiting}/",
    "tiers": "/tiers/",
    "tier-cost": "/tiers/cost/",
    "tier-changes": "/tiers/changes/",
    "damage": "/tiers/damage/",
    "moves": "/tiers/moves/?tab=all",
    "move-recall": "/tiers/moves/{recall}/",
    "move-failed": "/tiers/moves/{failed_move}/",
    "study-recalled": "/studies/{recalled}/",
    "location-form": "/tiers/new/",
    "policy": "/tiers/policies/{policy}/",
    "policy-form": "/tiers/policies/{policy}/edit/",
    "location-form-s3": "/tiers/new/?kind=s3",
    "system": "/system/",
    "configuration": "/system/configuration/",
    "system-events": "/system/events/",
    "licences": "/system/licences/",
    "users": "/users/",
    "user-form": "/users/new/",
    "api-keys": "/api-keys/",
    "my-account": "/account/",
    "audit": "/audit/",
    "audit-disclosures": "/audit/disclosures/?patient_id={patient_id}",
    "studies-more": "/studies/?received=7d&deliveries=delivered",
    "dashboard-week": "/?range=7d",
    "admin": "/admin/",
    "not-found": "/studies/1.2.3/",
    "upload": "/upload/",
    "ohif-absent": "/ohif/",
}
# The viewer's pictures, each with the keys that lead to it.
VIEWER_PAGES: dict[str, tuple[str, ...]] = {
    "viewer": (),
    "viewer-two": ("q", "ArrowRight", "PageDown"),
    "viewer-planes": ("m", "x"),
    "viewer-keys": ("?",),
    "viewer-tags": ("g",),
}


def main(wanted: list[str]) -> None:
    """Make the pictures."""
    sys.path.insert(0, str(ROOT))
    from tests.servers import valkey

    TARGET.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="gantry-pictures-") as folder, valkey() as redis_url:
        port = _free_port()
        os.environ |= {
            "DJANGO_SETTINGS_MODULE": "gateway.settings.base",
            "GANTRY_HOME": folder,
            "REDIS_URL": redis_url,
            "GANTRY_HOT_COST_PER_GB_MONTH": "0.095",
            "GANTRY_HTTP_BIND": f"127.0.0.1:{port}",
            "DJANGO_ALLOW_ASYNC_UNSAFE": "1",
        }
        _set_up(Path(folder))
        with _receiver(), _server(port), _pictures(f"http://127.0.0.1:{port}", wanted) as pictures:
            pictures.empty()
            from django.utils import timezone

            from gateway.accounts.models import User
            from gateway.analytics.roll_up import roll_up
            from tests.e2e.hospital import fill

            fill()
            User.objects.update(hides_first_steps=True)
            while roll_up(timezone.now()):
                pass
            pictures.full()
            pictures.viewer()


def _set_up(home: Path) -> None:
    import django

    django.setup()
    from django.conf import settings
    from django.core.management import call_command

    from gateway.accounts.models import Role
    from tests.factories import UserFactory

    for path in (settings.GANTRY.spool_dir / "tmp", settings.GANTRY.storage, settings.GANTRY.run_dir):
        path.mkdir(parents=True, exist_ok=True)
    call_command("migrate", verbosity=0)
    call_command("collectstatic", verbosity=0, interactive=False)
    UserFactory(username="admin", role=Role.ADMINISTRATOR)


@contextmanager
def _server(port: int) -> Iterator[None]:
    program = [sys.executable, "-m", "gunicorn", "gateway.wsgi", "-c", "gateway/gunicorn.py"]
    process = subprocess.Popen(program, cwd=ROOT)
    try:
        _wait_for(port)
        yield
    finally:
        process.terminate()
        process.wait()


@contextmanager
def _receiver() -> Iterator[None]:
    """Something that listens in the receiver's place, so that its light is green."""
    try:
        listener = socket.create_server(("127.0.0.1", 11112))
    except OSError:
        yield  # a receiver runs there already
        return
    with listener:
        yield


@contextmanager
def _pictures(base: str, wanted: list[str]) -> Iterator["Pictures"]:
    from tests.e2e.browser import chromium

    with chromium() as browser:
        yield Pictures(browser, base, wanted)


class Pictures:
    """Signs in once per theme, goes to each page, and keeps what it looks like."""

    def __init__(self, browser: "Browser", base: str, wanted: list[str]) -> None:
        self.base = base
        self.wanted = wanted
        size: ViewportSize = {"width": WIDTH, "height": HEIGHT}
        self.pages = {theme: browser.new_page(viewport=size, color_scheme=theme) for theme in THEMES}

    def empty(self) -> None:
        """Sign-in, and the installation before anything came in."""
        from tests.factories import PASSWORD

        for theme, page in self.pages.items():
            page.goto(f"{self.base}/")
            self._keep(page, "sign-in", theme)
            page.get_by_label("User name").fill("admin")
            page.get_by_label("Password").fill(PASSWORD)
            page.get_by_role("button", name="Sign in").click()
            page.get_by_role("heading", name="Dashboard", level=1).wait_for()
            for name, path in EMPTY_PAGES.items():
                if self._is_wanted(name):
                    page.goto(self.base + path)
                    self._keep(page, name, theme)

    def full(self) -> None:
        """Every page in the middle of a working day."""
        from dicomnet.models import AllowlistEntry
        from routing.models import AIPool, BackTest, Delivery, Rule
        from studies.commitments.models import Commitment, CommitmentState
        from studies.models import Study
        from tiering.models import Move, Policy

        study = Study.objects.filter(modalities_in_study__contains="\\SR\\", series__body_part_examined="HEAD").first()
        names: dict[str, object] = _federated() | {
            "study": study,
            "patient_id": study.patient_id if study else "",
            "delivery": Delivery.objects.filter(state="dead").order_by("-attempts", "pk")[0].pk,
            "rule": Rule.objects.get(name__startswith="Thin").pk,
            "pool": AIPool.objects.get(name__startswith="Lung").pk,
            "shadow": Rule.objects.get(mode="shadow").pk,
            "back_test": BackTest.objects.get(state="done").pk,
            "running": BackTest.objects.get(state="running").pk,
            "recall": Move.objects.get(reason="reading").pk,
            "recalled": Move.objects.get(reason="reading").study,
            "failed_move": Move.objects.get(state="failed").pk,
            "policy": Policy.objects.get(name__startswith="Large").pk,
            "entry": AllowlistEntry.objects.get(calling_ae_title="CT_ROOM1").pk,
            "commitment": Commitment.objects.get(failed_count=3).pk,
            "waiting": Commitment.objects.get(state=CommitmentState.REPORTING).pk,
        }
        for theme, page in self.pages.items():
            for name, path in PAGES.items():
                if self._is_wanted(name):
                    page.goto(self.base + path.format(**names))
                    self._prepare(page, name)
                    self._keep(page, name, theme)

    def viewer(self) -> None:
        """The viewer with a CT, and with a report; stored last, so that no other page shows them."""
        if not any(self._is_wanted(name) for name in (*VIEWER_PAGES, "viewer-report")):
            return
        from tests.e2e.pictures import ODD_STUDY, head, oddities, store

        store(head(60))
        store(oddities())
        study = head(60)[0].StudyInstanceUID
        for theme, page in self.pages.items():
            for name, keys in VIEWER_PAGES.items():
                if not self._is_wanted(name):
                    continue
                page.goto(f"{self.base}/viewer/?StudyInstanceUIDs={study}")
                page.locator(".cell[data-loaded='30']").wait_for()
                if name == "viewer":
                    self._measure(page)
                for key in keys:
                    page.keyboard.press(key)
                page.wait_for_timeout(1_500)  # the planes fill while their slices come in
                self._keep(page, name, theme)
            if self._is_wanted("viewer-report"):
                page.goto(f"{self.base}/viewer/?StudyInstanceUIDs={ODD_STUDY}")
                page.get_by_role("button", name="Report").click()
                page.locator(".cell[data-shown=object]").wait_for()
                self._keep(page, "viewer-report", theme)

    def _measure(self, page: "Page") -> None:
        box = page.locator(".picture").first.bounding_box()
        assert box is not None
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        for key, start, end in (("l", (-110, 40), (120, 40)), ("e", (-150, -120), (-60, -40))):
            page.keyboard.press(key)
            page.mouse.move(x + start[0], y + start[1])
            page.mouse.down()
            page.mouse.move(x + end[0], y + end[1], steps=6)
            page.mouse.up()
        page.mouse.move(x, y + 300)

    def _prepare(self, page: "Page", name: str) -> None:
        if name == "study":
            page.locator(".series summary").first.click()
            page.locator(".series[open] table").wait_for()
            page.locator(".trace").wait_for()
        if name == "rule-try":
            page.locator("input[type=file]").set_input_files(str(get_testdata_file("CT_small.dcm")))
            page.locator(".form-foot button").click()
            page.locator(".verdict").first.wait_for()
        if name == "rule-draft":
            page.locator("input[type=file]").set_input_files(str(get_testdata_file("CT_small.dcm")))
            page.get_by_role("button", name="Try this draft").click()
            page.locator(".verdict").first.wait_for()
        if name == "deliveries-failed":
            page.locator("[data-choose]").first.check()
            page.locator("[data-choose]").nth(1).check()

    def _keep(self, page: "Page", name: str, theme: str) -> None:
        if not self._is_wanted(name):
            return
        if page.locator(".lights").count():
            page.locator(".lights a").first.wait_for()
        picture = Image.open(io.BytesIO(page.screenshot(animations="disabled"))).convert("RGB")
        # The palette that covers most, not the commonest colours: a lamp is a few pixels, and its colour matters.
        reduced = picture.quantize(COLOURS, method=Image.Quantize.MAXCOVERAGE, kmeans=2, dither=Image.Dither.NONE)
        reduced.save(TARGET / f"{name}-{theme}.png", optimize=True)

    def _is_wanted(self, name: str) -> bool:
        return not self.wanted or name.startswith(tuple(self.wanted))


def _federated() -> dict[str, object]:
    from django.utils import timezone

    from gateway.accounts.models import User
    from spanner.models import Fetch
    from tests.e2e import federation

    made, admin = federation.make_federation(timezone.now()), User.objects.get(username="admin")
    return {
        "running_query": federation.found_running(made, admin).pk,
        "complete_query": federation.found_complete(made, admin).pk,
        "incomplete_query": federation.found_incomplete(made, admin).pk,
        "silent": made.partner.pk,
        "north": made.north.pk,
        "federation": made.everywhere.pk,
        "fetch": Fetch.objects.get(state="fetching").pk,
        "failed_fetch": Fetch.objects.get(state="failed").pk,
    }


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    sys.exit("The server did not start.")


if __name__ == "__main__":
    main(sys.argv[1:])
