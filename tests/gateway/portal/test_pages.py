import json
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from gateway.analytics.roll_up import roll_up
from gateway.analytics.units import RANGES
from gateway.env import Environment
from studies.dimse import local_spool
from studies.models import Instance, Study
from tests.factories import (
    DeliveryFactory,
    DestinationFactory,
    NodeFactory,
    ProcessFactory,
    StudyFactory,
    SystemEventFactory,
)
from tests.gateway.portal.pages import make_rows

pytestmark = pytest.mark.django_db

ADMINISTRATORS_ONLY = {
    "destination-form",
    "destination-delete",
    "rule-form",
    "rule-delete",
    "allowlist-form",
    "remote-node-form",
    "remote-node-delete",
    "ai-pool-form",
    "ai-worker-form",
    "location-form",
    "location-delete",
    "policy-form",
    "policy-delete",
    "source-form",
    "source-delete",
    "federation-form",
    "federation-delete",
    "users",
    "user-form",
    "user-password",
    "user-delete",
    "user-factor",
    "sites",
    "site-form",
    "site-delete",
    "api-keys",
    "api-key-sites",
    "api-key-form",
    "api-key-revoke",
    "audit",
    "audit-disclosures",
    "configuration",
    "configuration-import",
    "configuration-snapshot",
    "webhooks",
    "webhook",
    "webhook-form",
    "webhook-delete",
    "webhook-secret",
}
NOT_FOR_VIEWERS = {"system-events"}
OF_WHO_ASKED = {"span-found", "batch"}  # to others it is not there
QUERY_COUNTS = Path(__file__).with_name("query_counts.json")
ALL_PAGES = list(json.loads(QUERY_COUNTS.read_text()))
INLINE = re.compile(
    r"<style|\sstyle=|\son[a-z]+=\"|<script(?![^>]*(?:\ssrc=|type=\"application/json\"))|javascript:", re.IGNORECASE
)


def test_every_page_has_a_baseline() -> None:
    assert set(make_rows().addresses()) == set(ALL_PAGES)


@pytest.mark.parametrize("page", ALL_PAGES)
def test_page_by_role(page: str, viewer: Client, operator: Client, administrator: Client, client: Client) -> None:
    address = make_rows().addresses()[page]

    others = 403 if page in ADMINISTRATORS_ONLY else 404 if page in OF_WHO_ASKED else 200
    assert administrator.get(address).status_code == 200
    assert operator.get(address).status_code == others
    assert viewer.get(address).status_code == (403 if page in NOT_FOR_VIEWERS else others)
    assert client.get(address).headers["Location"].startswith("/sign-in/?next=")


@pytest.mark.parametrize("page", ALL_PAGES)
def test_page_has_nothing_inline(page: str, administrator: Client) -> None:
    answer = administrator.get(make_rows().addresses()[page])

    assert INLINE.search(answer.content.decode()) is None
    assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
    assert "unsafe" not in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize("page", ALL_PAGES)
def test_page_costs_as_many_queries_for_ten_rows_as_for_two(page: str, administrator: Client) -> None:
    address = make_rows(2).addresses()[page]
    few = _queries(administrator, address)
    make_rows(8)

    assert _queries(administrator, address) == few
    # A baseline that may fall but not rise unseen: change it on purpose.
    assert few <= json.loads(QUERY_COUNTS.read_text())[page]


@pytest.mark.parametrize(
    "address",
    [
        "/",
        "/studies/",
        "/deliveries/",
        "/destinations/",
        "/rules/",
        "/rules/back-tests/",
        "/allowlist/",
        "/conflicts/",
        "/conflicts/identity/",
        "/commitments/",
        "/ai/",
        "/ai/requests/",
        "/ai/results/",
        "/tiers/",
        "/tiers/moves/",
        "/tiers/changes/",
        "/tiers/damage/",
        "/archives/",
        "/archives/fetches/",
        "/archives/sources/",
        "/system/",
        "/system/events/",
        "/system/configuration/",
        "/api-keys/",
        "/webhooks/",
    ],
)
def test_page_without_rows_teaches(address: str, administrator: Client) -> None:
    html = administrator.get(address).content.decode()

    assert "<tbody>" not in html or "empty" in html


def test_viewer_sees_no_button_that_he_may_not_press(viewer: Client) -> None:
    make_rows(2)

    for address in (
        "/deliveries/?tab=failed",
        "/destinations/",
        "/rules/",
        "/allowlist/",
        "/conflicts/",
        "/remote-nodes/",
        "/conflicts/identity/",
        "/ai/",
        "/ai/requests/?tab=all",
        "/ai/results/",
        "/tiers/",
        "/tiers/moves/?tab=all",
        "/tiers/cost/",
        "/tiers/changes/",
        "/tiers/damage/",
        "/archives/",
        "/archives/fetches/?tab=all",
        "/archives/sources/",
    ):
        html = viewer.get(address).content.decode()
        for forbidden in (
            "Retry",
            "Cancel chosen",
            "Echo</button>",
            "Test</button>",
            "Edit",
            "Delete",
            "Add a",
            "Mark as seen",
            "Release</button>",
            "Keep back</button>",
            "Make a",
            "Cancel</button>",
        ):
            assert forbidden not in html, (address, forbidden)


def test_operator_echoes_and_retries_but_does_not_configure(operator: Client) -> None:
    make_rows(2)

    assert "Retry" in operator.get("/deliveries/?tab=failed").content.decode()
    html = operator.get("/destinations/").content.decode()
    assert "Echo</button>" in html
    assert "Delete" not in html


def test_unknown_study_is_told_in_words(viewer: Client) -> None:
    answer = viewer.get("/studies/1.2.3/")

    assert answer.status_code == 404
    assert "No stored study has the Study Instance UID 1.2.3." in answer.content.decode()


def test_forbidden_page_says_which_role_one_has(viewer: Client) -> None:
    answer = viewer.get("/rules/new/")

    assert answer.status_code == 403
    assert "(viewer)" in answer.content.decode()


def test_form_without_token_is_told_in_words() -> None:
    client = Client(enforce_csrf_checks=True)

    answer = client.post("/sign-in/", {"username": "a", "password": "b"})

    assert answer.status_code == 403
    assert "This form was too old" in answer.content.decode()


def test_dashboard_of_an_empty_installation_shows_the_first_steps(administrator: Client) -> None:
    html = administrator.get("/").content.decode()

    assert "storescu -aec GANTRY 127.0.0.1 11112" in html
    assert "manage.py senddicom --generate 1 --host 127.0.0.1 --port 11112 --called-aet GANTRY" in html
    assert "make demo" in html


def test_first_steps_tick_off_what_is_done(administrator: Client) -> None:
    DestinationFactory.create()

    html = administrator.get("/").content.decode()

    assert html.count('class="is-done"') == 1


def test_dashboard_adds_up(administrator: Client) -> None:
    make_rows(3)
    StudyFactory.create(number_of_study_related_instances=1200, size_bytes=3_000_000_000)
    DeliveryFactory.create(is_delivered=True, instance__series__modality="MR")
    roll_up(timezone.now())

    html = administrator.get("/?range=1h").content.decode()

    assert "1,200" in html
    assert "3.0 GB" in html
    studies, instances = Study.objects.count(), Instance.objects.count()
    assert f"<b>{studies}</b>" in html
    assert f"{instances} in 1 h" in html
    assert f"{instances:,} instances" in html
    assert '<span class="tag">MR</span>' in html
    assert "6</b> conflicts and identity clashes nobody has seen" in html
    assert 'href="/studies/?tier=cold"' in html


@pytest.mark.parametrize("key", [*RANGES, "", "nonsense"])
def test_dashboard_of_every_range(key: str, administrator: Client) -> None:
    DeliveryFactory.create(is_delivered=True)
    roll_up(timezone.now())

    html = administrator.get("/", {"range": key}).content.decode()

    shown = key if key in RANGES else "24h"
    assert f'hx-get="/?range={shown}"' in html
    assert html.count('aria-current="true"') == 1
    assert html.count('class="chart-back"') == 6 * RANGES[shown].count
    assert html.count('<tr><th scope="row">') >= RANGES[shown].count  # the same figures as a table


def test_dashboard_before_anything_was_counted(administrator: Client) -> None:
    make_rows()

    html = administrator.get("/").content.decode()

    assert "Not counted yet" in html
    assert "old figures" not in html


def test_dashboard_says_when_nobody_counts(administrator: Client) -> None:
    StudyFactory.create()
    roll_up(timezone.now() - timedelta(hours=1))

    assert "old figures" in administrator.get("/").content.decode()


def test_live_part_of_the_dashboard_is_a_fragment(administrator: Client) -> None:
    make_rows()

    html = administrator.get("/?range=7d", headers={"HX-Request": "true", "HX-Target": "live"}).content.decode()

    assert html.lstrip().startswith('<div class="figures')
    assert "last 7 days" in html


def test_system_page_shows_hosts_to_who_runs_them(viewer: Client, operator: Client) -> None:
    node = NodeFactory.create(name="north")
    ProcessFactory.create(node=node, name="worker-plan", age_seconds=300)
    ProcessFactory.create(node=node, commit="0" * 12, uptime_seconds=9000)
    ProcessFactory.create(node=node)

    html = operator.get("/system/").content.decode()
    assert "north" in html
    assert html.count('<span class="badge is-bad">gone</span>') == 1
    assert html.count("other version</span>") == 1
    part = operator.get("/system/", headers={"HX-Request": "true", "HX-Target": "nodes"}).content.decode()
    assert "worker-plan" in part
    assert "<html" not in part
    assert "worker-plan" not in viewer.get("/system/").content.decode()
    part = viewer.get("/system/", headers={"HX-Request": "true", "HX-Target": "nodes"}).content.decode()
    assert "worker-plan" not in part


def test_events_by_filter(operator: Client) -> None:
    SystemEventFactory.create(subject="worker-plan", node="north")
    SystemEventFactory.create(subject="Broker", node="south", kind="light_bad", words="It is away.")

    assert "It is away." in operator.get("/system/events/?kind=light_bad").content.decode()
    html = operator.get("/system/events/?subject=worker-plan&node=north").content.decode()
    assert "killed by signal 9" in html
    assert "It is away." not in html
    assert "Nothing was so" in operator.get("/system/events/?node=south&kind=ended").content.decode()


def test_system_page_shows_no_secret(administrator: Client, settings: object) -> None:
    from django.conf import settings as live

    html = administrator.get("/system/").content.decode()

    assert live.SECRET_KEY not in html
    assert "GANTRY_AE_TITLE" in html


def test_admin_is_for_administrators(administrator: Client, operator: Client) -> None:
    assert "Gantry administration" in administrator.get("/admin/").content.decode()
    assert operator.get("/admin/").status_code == 302


@pytest.mark.parametrize(
    "model",
    ["studies_study", "studies_instance", "routing_delivery", "routing_ruleversion", "routing_proofrequest"],
)
def test_admin_shows_but_does_not_edit_what_the_gateway_writes(administrator: Client, model: str) -> None:
    make_rows()

    assert administrator.get(reverse(f"admin:{model}_changelist")).status_code == 200
    assert administrator.get(reverse(f"admin:{model}_add")).status_code == 403


def _queries(client: Client, address: str) -> int:
    with CaptureQueriesContext(connection) as queries:
        assert client.get(address).status_code == 200
    return len(queries)


@pytest.mark.parametrize("rows", [0, 2], ids=["empty", "in use"])
def test_dashboard_says_why_nothing_is_taken(
    rows: int, administrator: Client, home: Environment, settings: Settings
) -> None:
    StudyFactory.create_batch(rows)
    assert "instances are refused" not in administrator.get("/").content.decode()

    settings.GANTRY = replace(home, spool_high_percent=0)
    local_spool.cache_clear()

    assert "the limit is 0 %: instances are refused" in administrator.get("/").content.decode()
