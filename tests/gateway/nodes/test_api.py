"""``/system/nodes``, the metrics about hosts and processes, and the alerts on these."""

import re

import pytest
import yaml
from prometheus_client.metrics_core import Metric
from pytest_django import DjangoAssertNumQueries

from gateway.env import BASE_DIR
from gateway.nodes.figures import node_figures
from gateway.nodes.selectors import board
from tests.api_clients import V1, client_of
from tests.factories import NodeFactory, ProcessFactory

pytestmark = pytest.mark.django_db
RULES = BASE_DIR / "deploy" / "prometheus" / "gantry-nodes.rules.yml"


def test_hosts_with_their_processes() -> None:
    node = NodeFactory.create(name="north")
    ProcessFactory.create(node=node, name="worker-plan", kind="worker", pid=77, age_seconds=100)
    ProcessFactory.create(node=node, name="scp", kind="scp", load=4)
    NodeFactory.create(name="south", age_seconds=600)

    body = client_of("operator").get(f"{V1}/system/nodes").json()

    assert body["count"] == 2
    north, south = body["results"]
    assert {"name": "north", "state": "running", "cpu_percent": 12.5}.items() <= north.items()
    assert north["disks"][0]["used_percent"] == 40
    scp, plan = north["processes"]
    assert {"name": "scp", "kind": "scp", "state": "running", "load": 4}.items() <= scp.items()
    assert {"name": "worker-plan", "kind": "worker", "state": "gone", "pid": 77}.items() <= plan.items()
    assert 99 < plan["age_seconds"] < 200
    assert (south["processes"], south["is_measured"]) == ([], False)


def test_pages_and_parameters_are_strict() -> None:
    NodeFactory.create_batch(3)
    client = client_of("operator")

    page = client.get(f"{V1}/system/nodes/?page_size=2&page=2").json()
    assert (page["count"], len(page["results"]), page["next"]) == (3, 1, None)
    assert client.get(f"{V1}/system/nodes/?state=gone").status_code == 400
    assert client_of("viewer").get(f"{V1}/system/nodes/").status_code == 403


def test_two_queries_however_many_there_are(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    for node in NodeFactory.create_batch(3):
        ProcessFactory.create_batch(4, node=node)

    with django_assert_num_queries(2):
        assert sum(len(view.processes) for view in board()) == 12


def test_metrics_say_what_is_gone() -> None:
    node = NodeFactory.create(name="north")
    ProcessFactory.create(node=node, name="scp", age_seconds=300)
    ProcessFactory.create(node=node, name="scp", appeared_seconds=900)
    ProcessFactory.create(node=node, name="web", age_seconds=300, is_stopped=True)
    ProcessFactory.create(node=node, name="beat", age_seconds=5)

    found = {
        (sample.name, *sample.labels.values()): sample.value for metric in node_figures() for sample in metric.samples
    }

    assert 299 < found["gantry_process_last_seen_seconds", "north", "scp"] < 400
    assert 4 < found["gantry_process_last_seen_seconds", "north", "beat"] < 45
    assert ("gantry_process_last_seen_seconds", "north", "web") not in found
    assert found["gantry_processes", "north", "scp", "running"] == 1
    assert found["gantry_processes", "north", "scp", "gone"] == 1
    assert found["gantry_node_cpu_percent", "north"] == 12.5
    assert found["gantry_node_disk_used_percent", "north", "Home"] == 40
    assert found["gantry_versions_running",] == 1


def test_alerts_look_at_metrics_that_there_are() -> None:
    ProcessFactory.create()
    labels = {metric.name: labels_of(metric) for metric in node_figures()}

    rules = [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]

    assert len({rule["alert"] for rule in rules}) == len(rules) == 3
    for rule in rules:
        [name] = set(re.findall(r"gantry_\w+", rule["expr"]))
        grouped = {word for words in re.findall(r"by \(([\w, ]+)\)", rule["expr"]) for word in words.split(", ")}
        assert set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"])) <= grouped <= labels[name]


def labels_of(metric: Metric) -> set[str]:
    return set().union(*(sample.labels for sample in metric.samples))
