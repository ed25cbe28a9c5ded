"""What is counted of federated search, and that the alerts look at what there is."""

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.test import Client
from django.utils import timezone
from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families

from gateway.env import BASE_DIR
from spanner.ask.source import ask_source
from spanner.lanes import lane_of
from spanner.models import Source, SpanningConfig
from spanner.question import PATIENT_ID, question
from spanner.search import span
from studies.query.keys import QueryLevel
from tests.peers import refused_port
from tests.spanner.archives import dimse_archive, study
from tests.spanner.conftest import Federate

pytestmark = pytest.mark.django_db(transaction=True)
RULES = BASE_DIR / "deploy" / "prometheus" / "gantry-span.rules.yml"
PATIENT = "Verysecret"


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def ask(config: SpanningConfig) -> None:
    span(config, question(QueryLevel.STUDY, {PATIENT_ID: PATIENT}), door="api", asked_by="anna")


def test_a_query_and_its_answers_are_counted(dimse: Callable[..., Source], federate: Federate) -> None:
    before = {
        name: value("gantry_span_queries_total", door="api", outcome=name) for name in ("complete", "partial", "none")
    }
    with dimse_archive([study(1, PATIENT)]) as (port, _):
        north, gone = dimse("Metered", port), dimse("Missing", refused_port())
        ask(federate(north, gone))
        ask(federate(gone, name="gone"))
        ask(federate(north, name="kept", cache_seconds=60))
        ask(SpanningConfig.objects.get(name="kept"))
    assert value("gantry_span_answers_total", source="Metered", state="ok") == 2
    assert value("gantry_span_cached_answers_total", source="Metered") == 1
    assert value("gantry_span_answers_total", source="Missing", state="error") == 2
    assert value("gantry_span_answer_seconds_count", source="Metered") == 2
    after = {
        name: value("gantry_span_queries_total", door="api", outcome=name) - count for name, count in before.items()
    }
    assert after == {"complete": 2, "partial": 1, "none": 1}
    assert value("gantry_span_under_way", source="Metered") == 0


def test_who_is_under_way_and_who_waits_is_seen(dimse: Callable[..., Source]) -> None:
    with dimse_archive([study(1)]) as (port, archive):
        archive.gate.clear()
        source = dimse("Narrow", port, max_concurrent=1)
        asked = question(QueryLevel.STUDY, {PATIENT_ID: "P1"})
        futures = [lane_of(source).submit(lambda: ask_source(source, asked, 30)) for _ in range(3)]
        wait_for(lambda: bool(archive.asked))
        assert value("gantry_span_under_way", source="Narrow") == 1
        assert value("gantry_span_in_line", source="Narrow") == 2
        assert value("gantry_span_lines", source="Narrow") == 1
        archive.gate.set()
        assert all(future.result(30).state == "ok" for future in futures)
    assert value("gantry_span_in_line", source="Narrow") == 0


def test_a_source_that_is_left_alone_is_down(client: Client, dimse: Callable[..., Source]) -> None:
    dimse("North", 104)
    dimse("South", 104, open_until=timezone.now())
    text = client.get("/metrics").content.decode()
    assert 'gantry_span_source_up{source="North"} 1.0' in text
    assert 'gantry_span_source_up{source="South"} 0.0' in text


def test_every_alert_looks_at_what_there_is(client: Client, dimse: Callable[..., Source], federate: Federate) -> None:
    with dimse_archive([study(1, PATIENT)]) as (port, _):
        ask(federate(dimse("North", port)))
    text = client.get("/metrics").content.decode()
    assert PATIENT not in text
    families = list(text_string_to_metric_families(text))
    labels: dict[str, set[str]] = {}
    for family in families:
        for sample in family.samples:
            labels.setdefault(sample.name, set()).update(sample.labels)
    rules = [rule for group in read(RULES)["groups"] for rule in group["rules"]]
    assert len({rule["alert"] for rule in rules}) == len(rules) == 5
    for rule in rules:
        names = set(re.findall(r"gantry_\w+", rule["expr"]))
        assert names
        assert names <= labels.keys()
        grouped = {word for words in re.findall(r"by \(([\w, ]+)\)", rule["expr"]) for word in words.split(", ")}
        shown = set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]))
        assert shown <= grouped <= set().union(*(labels[name] for name in names))


def read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(path.read_text())
    return found
