"""Hosts and processes as metrics; labels are hosts and names of processes, so there are as many as there are those."""

from collections import Counter
from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from gateway.nodes.selectors import NodeView, board, running_versions
from gateway.nodes.states import State


def node_figures() -> Iterator[Metric]:
    """All families; two queries."""
    nodes = board()
    yield from _processes(nodes)
    yield from _hosts(nodes)
    words = "Versions that run at the same time; more than 1: something was not started again after an update."
    yield GaugeMetricFamily("gantry_versions_running", words, value=len(running_versions(nodes)))


def _processes(nodes: list[NodeView]) -> Iterator[Metric]:
    seen = GaugeMetricFamily(
        "gantry_process_last_seen_seconds",
        "Since a process that should run was last seen; of several of one name the one that was seen longest ago.",
        labels=["node", "process"],
    )
    counts = GaugeMetricFamily(
        "gantry_processes",
        "Processes that run, and those that are gone and not back.",
        labels=["node", "process", "state"],
    )
    for node in nodes:
        present = [view for view in node.processes if view.state in {State.RUNNING, State.GONE}]
        oldest: dict[str, float] = {}
        for view in present:
            oldest[view.process.name] = max(oldest.get(view.process.name, 0), view.age_seconds)
        for name, age in sorted(oldest.items()):
            seen.add_metric([node.node.name, name], age)
        for (name, state), count in sorted(Counter((view.process.name, view.state) for view in present).items()):
            counts.add_metric([node.node.name, name, state], count)
    yield seen
    yield counts


def _hosts(nodes: list[NodeView]) -> Iterator[Metric]:
    cpu = GaugeMetricFamily("gantry_node_cpu_percent", "Processor in use, all cores together.", labels=["node"])
    memory = GaugeMetricFamily("gantry_node_memory_used_percent", "Memory in use.", labels=["node"])
    disk = GaugeMetricFamily("gantry_node_disk_used_percent", "Disk in use.", labels=["node", "disk"])
    for view in nodes:
        if not view.is_measured:
            continue
        cpu.add_metric([view.node.name], view.node.cpu_percent)
        memory.add_metric([view.node.name], view.memory_percent)
        for each in view.node.disks:
            disk.add_metric([view.node.name, each["label"]], each["used_percent"])
    yield cpu
    yield memory
    yield disk
