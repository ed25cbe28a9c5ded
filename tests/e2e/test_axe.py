"""Every page with axe-core, in light and in dark: WCAG 2.1 A and AA."""

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.e2e.conftest import OpenPage, Theme
from tests.gateway.portal.pages import make_rows

# Pages look the same on every database.
pytestmark = [pytest.mark.e2e, pytest.mark.embedded, pytest.mark.django_db(transaction=True)]

# Between the themes only colours differ, and looking at nothing else takes a fifth of the time.
RULES = {
    "light": {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]}},
    "dark": {"runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}},
}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_pages_have_no_violation(theme: Theme, open_page: OpenPage) -> None:
    page = open_page(theme=theme, bypass_csp=True)
    empty = [
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
        "/ohif/",
        "/archives/",
        "/archives/sources/",
        "/archives/sources/new/?kind=dicomweb",
        "/archives/fetches/",
    ]
    found = [_violations(page, path, theme) for path in empty]

    rows = make_rows(3).addresses()
    for fragment in ("trace", "study-move-state", "study-others", "study-glance"):
        del rows[fragment]  # of the study's page and the list, which have them
    found += [_violations(page, path, theme) for path in [*rows.values(), "/studies/?q=none", "/studies/1.2.3/"]]

    assert [violation for violations in found for violation in violations] == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_sign_in_has_no_violation(theme: Theme, open_page: OpenPage) -> None:
    page = open_page("/sign-in/", theme=theme, bypass_csp=True, is_signed_in=False)

    assert _violations(page, "/sign-in/", theme) == []


def _violations(page: object, path: str, theme: Theme) -> list[str]:
    page.goto(path)  # type: ignore[attr-defined]
    if page.locator(".lights").count():  # type: ignore[attr-defined]
        page.locator(".lights a").first.wait_for()  # type: ignore[attr-defined]
    response = Axe().run(page, options=RULES[theme]).response
    return [
        f"{path}: {violation['id']}: {node['html'][:160]} {node['any'][0]['message'] if node['any'] else ''}"
        for violation in response["violations"]
        for node in violation["nodes"][:3]
    ]
