"""Every page, by every role, in both themes and every language: WCAG 2.2 A and AA, and what else holds everywhere."""

from collections.abc import Iterator
from functools import cache

import pytest
from django.test import Client
from playwright.sync_api import Browser, Page
from pytest_django.live_server_helper import LiveServer

from gateway.accounts.models import Role, User
from gateway.viewer.ohif import is_installed
from tests.e2e.conftest import WAIT_MILLISECONDS
from tests.e2e.matrix import LANGUAGES, LOCALES, ROLES, THEMES, WIDE, Visit, examine, look, visits
from tests.gateway.portal.pages import make_rows
from tests.gateway.portal.test_pages import ADMINISTRATORS_ONLY, NOT_FOR_VIEWERS, OF_WHO_ASKED

# Pages look the same on every database.
pytestmark = [pytest.mark.e2e, pytest.mark.embedded, pytest.mark.django_db(transaction=True)]

FRAGMENTS = {"first-steps", "trace", "study-move-state", "study-others", "study-glance"}  # of other pages
REFUSED = {403, 404}
EMPTY = (
    "/",
    "/studies/",
    "/deliveries/",
    "/destinations/",
    "/rules/",
    "/rules/back-tests/",
    "/allowlist/",
    "/conflicts/",
    "/conflicts/identity/",
    "/odd/",
    "/commitments/",
    "/remote-nodes/",
    "/remote-nodes/new/",
    "/upload/",
    "/archives/",
    "/archives/sources/",
    "/archives/sources/new/?kind=dicomweb",
    "/archives/fetches/",
)
REPORT_CSP = (
    "addEventListener('securitypolicyviolation', (e) => console.error('policy', e.violatedDirective, e.blockedURI))"
)


class Looker:
    """A browser for each role and language, all of them watched; what is wrong is gathered."""

    def __init__(self, browser: Browser, server: LiveServer) -> None:
        self.problems: list[str] = []
        self._browser = browser
        self._url = server.url
        self._at, self._status = "", 200
        self.page = cache(self._page)

    def _page(self, role: Role | None, language: str) -> Page:
        context = self._browser.new_context(
            base_url=self._url, locale=LOCALES[language], viewport=WIDE, reduced_motion="reduce"
        )
        context.set_default_timeout(WAIT_MILLISECONDS)
        context.add_init_script(REPORT_CSP)
        context.on("console", lambda said: self._note(said.type, said.text, said.location["url"]))
        context.on("request", lambda asked: self._leave(asked.url))
        if role is not None:
            client = Client()
            client.force_login(_user(role, language))
            context.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": self._url}])
        page = context.new_page()
        page.on("pageerror", lambda error: self.say(str(error)))
        return page

    def say(self, words: str) -> None:
        """Note what is wrong with what is looked at now."""
        self.problems.append(f"{self._at}: {words}")

    def _note(self, kind: str, text: str, url: str) -> None:
        # Chromium reports a page's own answer, and a picture that a row without a file has not got.
        is_expected = url.endswith("/thumbnail") or f"status of {self._status}" in text
        if kind in {"error", "warning"} and not is_expected:
            self.say(f"console: {text}")

    def _leave(self, url: str) -> None:
        if not url.startswith((self._url, "data:", "blob:")):
            self.say(f"asks {url}")

    def open(self, path: str, visit: Visit, *, status: int = 200) -> Page:
        """Show a page."""
        page = self.page(visit.role, visit.language)
        self._at, self._status = f"{path} {visit.role} {visit.theme} {visit.language}", status
        page.emulate_media(color_scheme=visit.theme)
        answer = page.goto(path)
        if answer is None or answer.status != status:
            self.say(f"answered {answer.status if answer else 'nothing'}")
        if page.url != f"{self._url}{path}":
            self.say(f"led to {page.url}")
        return page

    def refuses(self, path: str, role: Role) -> None:
        """A page that is not for this role."""
        answer = self.page(role, "en").context.request.get(path, max_redirects=0)
        if answer.status not in REFUSED:
            self.problems.append(f"{path} {role}: answered {answer.status}")


@pytest.fixture
def looker(browser: Browser, live_server: LiveServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Looker]:
    monkeypatch.setattr("gateway.pipeline.ring", lambda *_: None)
    # However slow this machine is, no page asks for the password in the middle.
    monkeypatch.setattr("gateway.accounts.recent_password.RECENT_SECONDS", 86_400)
    made = Looker(browser, live_server)
    yield made
    for context in browser.contexts:
        context.close()


@pytest.mark.timeout(1500)  # two minutes of work, on a machine that does nothing else
def test_every_page_by_every_role(looker: Looker) -> None:
    pages = {name: path for name, path in make_rows(3).addresses().items() if name not in FRAGMENTS}
    forbidden = {role: frozenset(path for name, path in pages.items() if role not in _allowed(name)) for role in ROLES}
    for number, (name, path) in enumerate(pages.items()):
        for at, visit in enumerate(visits(number, _allowed(name))):
            page = looker.open(path, visit)
            for words in look(page, visit, forbidden[visit.role]) + (examine(page, visit.theme) if not at else []):
                looker.say(words)
        for role in set(ROLES) - set(_allowed(name)):
            looker.refuses(path, role)

    assert not looker.problems, "\n".join(looker.problems)


def test_pages_without_rows_and_what_is_not_there(looker: Looker) -> None:
    for number, path in enumerate(EMPTY):
        visit = next(visits(number, ROLES[:1]))
        page = looker.open(path, visit)
        for words in look(page, visit, frozenset()) + examine(page, visit.theme):
            looker.say(words)
    visit = Visit(Role.VIEWER, *THEMES[:1], LANGUAGES[-1])
    others = {
        "/studies/1.2.3/": 404,
        "/rules/new/": 403,
        "/studies/?q=none": 200,
        "/ohif/": 200 if is_installed() else 404,
    }
    for path, status in others.items():
        page = looker.open(path, visit, status=status)
        for words in look(page, visit, frozenset()) + examine(page, visit.theme):
            looker.say(words)

    assert not looker.problems, "\n".join(looker.problems)


@pytest.mark.parametrize("language", LANGUAGES)
def test_sign_in(language: str, looker: Looker) -> None:
    page = looker.page(None, language)
    page.goto("/sign-in/")

    visit = Visit(Role.VIEWER, "light", language)
    assert look(page, visit, frozenset()) + examine(page, "light") == []
    assert not looker.problems, "\n".join(looker.problems)


def _allowed(name: str) -> tuple[Role, ...]:
    if name in ADMINISTRATORS_ONLY | OF_WHO_ASKED:
        return ROLES[:1]
    return ROLES[:2] if name in NOT_FOR_VIEWERS else ROLES


def _user(role: Role, language: str) -> User:
    chosen = {"language": language} if hasattr(User, "language") else {}  # comes before what the browser asks for
    user, _ = User.objects.get_or_create(username=f"{role}-{language}", defaults={"role": role, **chosen})
    return user
