"""A study outside of somebody's sites is not there, at any address: generated from the URL configuration."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.urls import URLPattern, get_resolver
from rest_framework.test import APIClient

from gateway.accounts.models import ApiKey, Site, User
from tests.factories import UserFactory
from tests.gateway.sites_worlds import World, Worlds, make_worlds
from tests.gateway.test_every_route import OPEN
from tests.gateway.test_every_route import VALUES as NOTHING

pytestmark = pytest.mark.django_db
# What the number in an address is of, where that belongs to one study: an attribute of World.
OF_A_STUDY = {
    **dict.fromkeys(["conflict-seen", "conflict-choose", "api-conflict-detail"], "conflict"),
    **dict.fromkeys(["identity-clash-seen", "api-identity-clash-detail"], "clash"),
    **dict.fromkeys(
        ["commitment-detail", "commitment-send", "api-commitment-detail", "api-commitment-items"], "commitment"
    ),
    **dict.fromkeys(
        ["delivery-detail", "api-delivery-detail", "api-delivery-cancel", "api-delivery-retry"], "delivery"
    ),
    **dict.fromkeys(
        [
            "ai-request-retry",
            "ai-request-cancel",
            "api-ai-request-detail",
            "api-ai-request-cancel",
            "api-ai-request-retry",
        ],
        "ai_request",
    ),
    **dict.fromkeys(
        ["ai-result-release", "ai-result-keep", "api-ai-result-detail", "api-ai-result-keep", "api-ai-result-release"],
        "ai_result",
    ),
    **dict.fromkeys(["move", "move-cancel", "move-retry", "api-move-detail", "api-move-cancel"], "move"),
    **dict.fromkeys(["api-webhook-delivery-detail", "api-webhook-delivery-retry"], "webhook_delivery"),
    **dict.fromkeys(["fetch", "fetch-again", "fetch-cancel", "api-fetch-detail", "api-fetch-cancel"], "fetch"),
}
# What is of no one study: the installation's configuration, accounts, and work on several studies.
OF_NONE = re.compile(
    r"(api-)?(destination|rule|back-test|ai-pool|ai-worker|allowlist|remote-node|location|policy|tier|tier-policy|source|"
    r"federation|federation-source|user|site|lock-out|filter|key|licence)(-.*)?|batch(-.*)?|webhook(-.*)?|configuration-.*|span-.*|api-span-.*|api-key-.*|"
    r"api-config-.*|api-webhook-(?!delivery-(detail|retry$)).*|api-unreadable-file-detail"
)
# Addresses that tell of the product and of no study, and are slow to answer.
OF_THE_PRODUCT = re.compile(r"/(api/v1/(schema|docs|auth)|system|sign-|account|sites/new|readyz|dicom-web/wado)")
UIDS = {"study_instance_uid", "study"}
_PART = re.compile(r"<(?:\w+:)?(\w+)>")


def patterns(resolver: Any = None, before: str = "") -> Iterator[tuple[str, str]]:
    """Every address with its name, as a text in which the parts that vary stand as ``<name>``."""
    for each in (resolver or get_resolver()).url_patterns:
        text = before + _plain(str(each.pattern))
        if not isinstance(each, URLPattern):
            yield from patterns(each, text)
        elif not text.startswith(("admin/", "ohif")):
            yield each.name or "", "/" + text


def _plain(pattern: str) -> str:
    """A regular expression without what is not part of the address."""
    text = ""
    while (start := pattern.find("(?P<")) >= 0:
        name = pattern[start + 4 : pattern.index(">", start)]
        depth = end = 0
        for end in range(start, len(pattern)):
            depth += {"(": 1, ")": -1}.get(pattern[end], 0)
            if depth == 0:
                break
        text, pattern = f"{text}{pattern[:start]}<{name}>", pattern[end + 1 :]
    return re.sub(r"[\^$]|/\?|\\Z", "", text + pattern)


ALL = sorted(set(patterns()), key=lambda each: each[1])
NAMING = [(name, text) for name, text in ALL if UIDS & set(_PART.findall(text)) or name in OF_A_STUDY]
LISTS = [(name, text) for name, text in ALL if "<" not in text]


def filled(name: str, text: str, world: World | None, worlds: Worlds) -> str:
    """The address of a world's rows; of none: of what there is not."""
    values = NOTHING | {"study": "1.2.3", "series": "1.2.3.4", "instance": "1.2.3.4.5", "webhook_pk": "99999999"}
    if world is not None:
        values = values | world.values
        if name in OF_A_STUDY:
            values |= {
                "pk": str(getattr(world, OF_A_STUDY[name]).pk),
                "webhook_pk": str(world.webhook_delivery.webhook_id),
            }
    values |= {"span": worlds.federation.name, "numbers": "1", "where": "00280010"}
    return _PART.sub(lambda part: values[part.group(1)], text)


def user_of(role: str, *sites: Site) -> User:
    user = UserFactory.create(role=role, sees="sites")
    user.sites.set(sites)
    return user


def session(user: User) -> APIClient:
    client = APIClient(raise_request_exception=False)
    client.force_login(user)
    note = client.session
    note["password_at"] = 2**40  # pages that ask for it again are looked at too
    note.save()
    return client


def key(role: str, *sites: Site, sees: str = "sites") -> APIClient:
    api_key: Any
    api_key, text = ApiKey.objects.create_key(name="program", scopes=[role], sees=sees)
    api_key.sites.set(sites)
    client = APIClient(raise_request_exception=False)
    client.credentials(HTTP_AUTHORIZATION=f"Api-Key {text}")
    return client


def callers(worlds: Worlds) -> dict[str, tuple[APIClient, APIClient]]:
    """Who asks: with the site North, and one of the same kind who sees everything."""
    return {
        "viewer": (session(user_of("viewer", worlds.site)), session(UserFactory.create(role="viewer"))),
        "administrator": (
            session(user_of("administrator", worlds.site)),
            session(UserFactory.create(role="administrator")),
        ),
        "operator's key": (key("operator", worlds.site), key("operator", sees="everything")),
    }


def is_for(who: str, text: str) -> bool:
    return "key" not in who or text.startswith(("/api/", "/dicom-web/"))


@pytest.fixture
def worlds() -> Worlds:
    return make_worlds(UserFactory.create())


def test_every_address_with_a_part_that_varies_is_known_to_name_a_study_or_not_to() -> None:
    named = {name for name, text in ALL if "<" in text}
    unknown = {
        name
        for name, text in ALL
        if "<" in text and (name, text) not in NAMING and not OF_NONE.fullmatch(name) and "<span>" not in text
    }

    assert unknown == set()
    assert set(OF_A_STUDY) <= named
    assert len(NAMING) > 80


@pytest.mark.parametrize("who", ["viewer", "administrator", "operator's key"])
def test_what_names_a_study_elsewhere_is_not_there(who: str, worlds: Worlds) -> None:
    scoped, whole = callers(worlds)[who]
    wrong: dict[str, Any] = {}
    for name, text in NAMING:
        if not is_for(who, text):
            continue
        inside, outside, nowhere = (
            filled(name, text, world, worlds) for world in (worlds.inside, worlds.outside, None)
        )
        seen = scoped.get(outside).status_code
        if seen != scoped.get(nowhere).status_code or (seen == 200 and "/dicom-web/" not in text):
            wrong[outside] = seen
        if "<span>" in text:  # of what is there a federation asks its sources
            continue
        if (right := scoped.get(inside).status_code) != (wanted := whole.get(inside).status_code):
            wrong[inside] = (right, wanted)

    assert wrong == {}


@pytest.mark.parametrize("who", ["administrator", "operator's key"])
def test_nothing_is_done_with_a_study_elsewhere(who: str, worlds: Worlds) -> None:
    scoped, _ = callers(worlds)[who]
    wrong = {}
    for name, text in NAMING:
        for method in ("post", "delete") if "/dicom-web/" in text else ("post",):
            if not is_for(who, text):
                continue
            call = getattr(scoped, method)
            seen = call(filled(name, text, worlds.outside, worlds), {}, format="json").status_code
            nowhere = call(filled(name, text, None, worlds), {}, format="json").status_code
            if seen != nowhere or seen in {200, 201, 202, 204}:
                wrong[f"{method} {text}"] = (seen, nowhere)

    assert wrong == {}


@pytest.mark.parametrize("who", ["administrator", "operator's key"])
def test_lists_have_what_is_of_the_site_and_nothing_else(who: str, worlds: Worlds) -> None:
    scoped, whole = callers(worlds)[who]
    wrong, telling = {}, 0
    for text in addresses_of_lists(worlds):
        if not is_for(who, text) or text in OPEN:
            continue
        all_of_it, part = body(whole, text), body(scoped, text)
        should = {mark for mark in worlds.inside.marks.values() if mark in all_of_it}
        telling += any(mark in all_of_it for mark in worlds.outside.marks.values())
        told = {mark for mark in worlds.outside.marks.values() if mark in part}
        if told or any(mark not in part for mark in should):
            wrong[text] = (told, should)

    assert wrong == {}
    assert telling > (12 if "key" in who else 20)  # lists that could have told


def addresses_of_lists(worlds: Worlds) -> list[str]:
    uid = worlds.outside.study.study_instance_uid
    several = [f"/rules/back-tests/{worlds.back_test.pk}/", f"/api/v1/back-tests/{worlds.back_test.pk}/studies"]
    several += [f"/archives/found/{worlds.query.pk}/", f"/api/v1/spanner/queries/{worlds.query.pk}/results"]
    with_all = ["/deliveries/", "/tiers/moves/", "/ai/requests/", "/archives/fetches/", "/tiers/damage/"]
    several += [f"{path}?tab=all" for path in with_all]
    several += [f"/dicom-web/{path}?includefield=all" for path in ("studies", "series", "instances")]
    several += ["/studies/?q=thorax"]
    several += [f"/api/v1/studies?patient_id={site}" for site in ("NORTH", "SOUTH")]
    several += [f"/api/v1/conflicts?study_instance_uid={uid}", f"/api/v1/deliveries?study={uid}"]
    return sorted({text for _, text in LISTS if not OF_THE_PRODUCT.match(text)} | set(several))


def body(client: APIClient, text: str) -> str:
    answer: Any = client.get(text)
    content = b"".join(answer.streaming_content) if answer.streaming else answer.content
    asked = text.partition("?")[2]
    # What was asked for stands in the answer again.
    return content.decode("utf-8", "replace").replace(asked, "") if asked else content.decode("utf-8", "replace")
