"""A browser that is signed in to a live server with a small hospital behind it."""

import os
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect
from pytest_django.live_server_helper import LiveServer

from gateway.accounts.models import Role, User
from gateway.env import Environment
from gateway.viewer.bundle import is_built
from studies.events import instances_indexed
from tests.e2e.browser import chromium, chromium_path
from tests.e2e.hospital import fill
from tests.e2e.pictures import store
from tests.factories import PASSWORD, UserFactory

OpenPage = Callable[..., Page]
WAIT_MILLISECONDS = 30_000  # how long a machine under load may take; what is right comes at once
expect.set_options(timeout=WAIT_MILLISECONDS)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if chromium_path() is None:
        pytest.skip("apt-get install chromium")
    # Playwright's loop runs in this thread, and Django would refuse every query beside it.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with chromium() as started:
        yield started
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def open_page(browser: Browser, live_server: LiveServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenPage]:
    """Call it for a page of a fresh browser profile, signed in as an administrator, or as the role that it is given.

    Errors of the console fail the test.
    """
    # No broker runs here, and a bell that nobody hears costs seconds.
    monkeypatch.setattr("gateway.pipeline.ring", lambda *_: None)
    problems: list[str] = []
    contexts = []

    def open_(path: str = "/", *, role: Role = Role.ADMINISTRATOR) -> Page:
        context = browser.new_context(base_url=live_server.url, viewport={"width": 1440, "height": 900})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(WAIT_MILLISECONDS)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda message: _note(problems, message))
        name = "admin" if role == Role.ADMINISTRATOR else role.value
        if not User.objects.filter(username=name).exists():
            UserFactory.create(username=name, role=role)
        page.goto("/sign-in/")
        page.get_by_label("User name").fill(name)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("heading", name="Dashboard", level=1).wait_for()
        page.goto(path)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert problems == []


def _note(problems: list[str], message: ConsoleMessage) -> None:
    # A page that is not there is an answer like any other, but Chromium reports it; so is a picture that a row without
    # a file has not got.
    is_answer = "status of 404" in message.text or message.location["url"].endswith("/thumbnail")
    if message.type == "error" and not is_answer:
        problems.append(message.text)


@pytest.fixture
def hospital(transactional_db: None) -> None:
    fill(studies=12)


@pytest.fixture
def archive(home: Environment) -> Iterator[Callable[..., None]]:
    """A spool, a store and an index of the test's own; call it with what is to be in them."""
    receivers, instances_indexed.receivers = instances_indexed.receivers, []
    instances_indexed.sender_receivers_cache.clear()
    yield store
    instances_indexed.receivers = receivers
    instances_indexed.sender_receivers_cache.clear()


@pytest.fixture
def built() -> None:
    """The viewer's bundle."""
    if not is_built():
        pytest.skip("python -m gateway.viewer.build")
