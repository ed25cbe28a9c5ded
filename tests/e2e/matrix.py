"""Which page is looked at by whom, in which theme and language, and what must hold whenever one is looked at.

Each page is seen by every role, in both themes and in every language, but not in each combination of them: what a theme
changes does not depend on the role, and what a language changes not on the theme.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

from axe_playwright_python.sync_playwright import Axe
from django.conf import global_settings, settings
from playwright.sync_api import Page, ViewportSize

from gateway.accounts.models import Role

Theme = Literal["light", "dark"]
THEMES: tuple[Theme, Theme] = ("light", "dark")
ROLES = (Role.ADMINISTRATOR, Role.OPERATOR, Role.VIEWER)
LOCALES = {"en": "en-GB", "es": "es-ES"}  # what the browser asks for
# Unless the product says which languages it has, Django names all of the world's.
OURS = {} if settings.LANGUAGES == global_settings.LANGUAGES else dict(settings.LANGUAGES)
LANGUAGES = [code for code in LOCALES if code == "en" or code in OURS]

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa", "best-practice"]
# axe has the rule of WCAG 2.2, but runs it only where it is named.
WHOLE = {"runOnly": {"type": "tag", "values": TAGS}, "rules": {"target-size": {"enabled": True}}}
# Between themes, widths and densities only these can differ, and looking at nothing else takes half of the time.
LOOKS = {"runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block", "target-size"]}}
EVERYTHING: dict[str, list[str]] = {"include": ["html"]}
WITHOUT_SIDE = {"exclude": [".side"]}  # which is the same on every page

WIDE, NARROW = (ViewportSize(width=width, height=900) for width in (1280, 390))
STATE = """() => ({
  lang: document.documentElement.lang,
  headings: [...document.querySelectorAll("h1")].filter((each) => each.checkVisibility()).length,
  links: [...document.querySelectorAll("a[href]")].map((each) => each.pathname),
})"""
# What sticks out of the page on its right: nothing, unless it can be scrolled sideways.
WIDER = """() => {
  const room = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= room) return [];
  const out = (each) => each.getBoundingClientRect().right > room + 1 && each.checkVisibility();
  return [...document.querySelectorAll("body *")].filter(out).slice(0, 3).map((each) => each.outerHTML.slice(0, 120));
}"""
# The first control of the page's own part, as somebody meets it who has used the skip link.
TO_PAGE = "() => document.getElementById('page')?.focus()"
FOCUS = """() => {
  const at = document.activeElement;
  if (!at || at === document.body) return null;
  const seen = getComputedStyle(at.matches(".segments input") ? at.closest("label") : at);
  return at.matches(":focus-visible") && seen.outlineStyle !== "none" && parseFloat(seen.outlineWidth) >= 2
    ? null : at.outerHTML.slice(0, 120);
}"""
SHOW = "([name, value]) => { document.documentElement.dataset[name] = value; }"


@dataclass(frozen=True)
class Visit:
    """One look at a page."""

    role: Role
    theme: Theme
    language: str


def visits(number: int, allowed: Sequence[Role]) -> Iterator[Visit]:
    """Looks at the page of this number; pages next to each other begin with another theme and language."""
    for at in range(max(len(allowed), len(LANGUAGES))):
        role = allowed[min(at, len(allowed) - 1)]
        yield Visit(role, THEMES[(number + at) % 2], LANGUAGES[(number // 2 + at) % len(LANGUAGES)])


def look(page: Page, visit: Visit, forbidden: frozenset[str]) -> list[str]:
    """What is wrong with an open page, whoever sees it; it is 1280 px wide before and afterwards.

    Args:
        forbidden: addresses that this role must not be led to.
    """
    state: dict[str, Any] = page.evaluate(STATE)
    found = [f"leads to {link}, which is not for a {visit.role}" for link in forbidden & set(state["links"])]
    # OHIF is not ours, and English.
    if state["lang"] != visit.language and not page.url.endswith("/ohif/"):
        found.append(f"lang is {state['lang']}")
    if state["headings"] != 1:
        found.append(f"{state['headings']} headings of the first level")
    found += _unseen_focus(page) + _sideways(page, WIDE)
    page.set_viewport_size(NARROW)
    found += _sideways(page, NARROW)
    page.set_viewport_size(WIDE)
    return found


def examine(page: Page, theme: Theme) -> list[str]:
    """What axe finds in an open page: all rules as it is, then in the other theme, comfortable and narrow."""
    if page.locator(".lights").count():
        page.locator(".lights a").first.wait_for()
    found = violations(page, WHOLE)
    page.set_viewport_size(NARROW)
    page.evaluate(SHOW, ["theme", THEMES[1 - THEMES.index(theme)]])
    page.evaluate(SHOW, ["density", "comfortable"])
    found += _sideways(page, NARROW)
    scope = EVERYTHING if page.url.endswith("/studies/") else WITHOUT_SIDE
    found += [f"{words} (other theme, narrow)" for words in violations(page, LOOKS, scope)]
    page.set_viewport_size(WIDE)
    return found + _sideways(page, WIDE)


def violations(page: Page, rules: dict[str, Any], scope: dict[str, list[str]] = EVERYTHING) -> list[str]:
    """What axe finds by these rules in a page as it stands, three places of each kind."""
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(Axe().axe_script)
    options = {**rules, "resultTypes": ["violations"], "preload": False}
    result = cast(dict[str, Any], page.evaluate("([scope, options]) => axe.run(scope, options)", [scope, options]))
    return [
        f"{violation['id']}: {node['html'][:160]} {node['any'][0]['message'] if node['any'] else ''}"
        for violation in result["violations"]
        for node in violation["nodes"][:3]
    ]


def _sideways(page: Page, size: ViewportSize) -> list[str]:
    return [f"wider than {size['width']} px: {words}" for words in page.evaluate(WIDER)]


def _unseen_focus(page: Page) -> list[str]:
    page.evaluate(TO_PAGE)
    page.keyboard.press("Tab")
    hidden = page.evaluate(FOCUS)
    return [f"focus is not to be seen: {hidden}"] if hidden else []
