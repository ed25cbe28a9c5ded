"""No query of the dashboard and of its API reads a whole table that grows with the archive: asked of both databases."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from gateway.analytics.roll_up import roll_up
from gateway.analytics.units import RANGES
from tests.api_clients import V1, client_of
from tests.gateway.portal.conftest import administrator  # noqa: F401 (a fixture)
from tests.gateway.portal.pages import make_rows

pytestmark = pytest.mark.django_db
GROWING = {"studies_study", "studies_series", "studies_instance", "routing_delivery", "routing_attempt"}
COUNTED = {"analytics_tally"}
NAMES = ("throughput", "volume", "modalities", "latency", "storage", "queue")


@pytest.mark.parametrize("key", RANGES)
def test_no_query_scans_a_table_that_grows(key: str, administrator: Client) -> None:  # noqa: F811
    make_rows(3)
    _count()
    api = client_of("viewer")
    with CaptureQueriesContext(connection) as queries:
        assert administrator.get(f"/?range={key}").status_code == 200
        assert administrator.get(f"/?range={key}", headers={"HX-Target": "live"}).status_code == 200
        for name in NAMES:
            asked = {} if name == "storage" else {"range": key}
            assert api.get(f"{V1}/analytics/{name}", asked).status_code == 200

    selects = [query["sql"] for query in queries.captured_queries if query["sql"].startswith("SELECT")]
    assert any("analytics_tally" in sql for sql in selects)
    assert [(table, sql) for sql in selects for table in _scanned(sql) if table in GROWING | COUNTED] == []


@pytest.mark.parametrize("sql", ["SELECT COUNT(*) FROM studies_study", "SELECT MAX(sent_bytes) FROM routing_delivery"])
def test_a_scan_is_seen(sql: str) -> None:
    make_rows()

    assert list(_scanned(sql))


def _count() -> None:
    from django.utils import timezone

    roll_up(timezone.now())


def _scanned(sql: str) -> Iterator[str]:
    """Tables that are read from end to end."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute(f"EXPLAIN QUERY PLAN {sql}")
            for *_, detail in cursor.fetchall():
                words = detail.split()
                # In the order of an index, and with a limit: it ends after a few rows.
                is_ordered = "USING INDEX" in detail and " LIMIT " in sql
                if (words[0] == "SCAN" and not is_ordered) or (words[0] == "SEARCH" and "USING" not in detail):
                    yield words[1]
            return
        cursor.execute("SET LOCAL enable_seqscan = off")  # so few rows would be scanned whatever there is
        cursor.execute(f"EXPLAIN (FORMAT JSON) {sql}")
        plan = cursor.fetchone()[0]
    (top,) = json.loads(plan) if isinstance(plan, str) else plan
    yield from _unbounded(top["Plan"], is_limited=False)


def _unbounded(node: dict[str, Any], *, is_limited: bool) -> Iterator[str]:
    kind = node["Node Type"]
    if kind == "Seq Scan" or (
        kind in {"Index Scan", "Index Only Scan"} and "Index Cond" not in node and not is_limited
    ):
        yield node["Relation Name"]
    if kind == "Bitmap Heap Scan" and "Index Cond" not in json.dumps(node["Plans"]):
        yield node["Relation Name"]
    # A sort reads all that it sorts, whatever limit stands above it.
    limited = kind == "Limit" or (is_limited and kind not in {"Sort", "Aggregate"})
    for child in node.get("Plans", []):
        yield from _unbounded(child, is_limited=limited)
