"""What the page, the API and the metrics show of hosts and processes: two queries, however many there are."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet
from django.db.models.functions import Now

from gateway.nodes.models import Node, Process, SystemEvent
from gateway.nodes.states import State, is_fresh, states_of

MOST_PROCESSES = 2_000  # of the last day; a process that ends again and again must not make the page endless
MOST_ENDED = 5  # rows of a host's ended processes that are shown


@dataclass(frozen=True)
class ProcessView:
    """A process as it is shown.

    Attributes:
        age_seconds: since it was last seen, by the database's clock.
        is_other_version: it runs other code than the one that was started last.
    """

    process: Process
    state: State
    age_seconds: float
    is_other_version: bool


@dataclass(frozen=True)
class NodeView:
    """A host as it is shown.

    Attributes:
        age_seconds: since it was last measured; None: never.
        is_measured: its figures are of now.
        processes: running and gone ones, then the last that ended.
    """

    node: Node
    state: State
    age_seconds: float | None
    is_measured: bool
    processes: list[ProcessView]

    @property
    def memory_percent(self) -> float:
        """Share of the memory in use."""
        return 100 * self.node.memory_used_bytes / self.node.memory_total_bytes if self.node.memory_total_bytes else 0


def board() -> list[NodeView]:
    """All hosts by name, with their processes."""
    nodes = list(Node.objects.annotate(now=Now()))
    if not nodes:
        return []
    now: datetime = nodes[0].now
    by_node: dict[int, list[ProcessView]] = defaultdict(list)
    for view in _views(now):
        by_node[view.process.node_id].append(view)
    return [_node_view(node, by_node[node.pk], now) for node in nodes]


def running_versions(nodes: list[NodeView]) -> set[tuple[str, str]]:
    """Version and commit of all that runs; more than one is a host that was not started again."""
    views = [view for node in nodes for view in node.processes if view.state == State.RUNNING]
    return {(view.process.version, view.process.commit) for view in views}


@dataclass(frozen=True)
class EventFilter:
    """Which events; empty: any."""

    kind: str = ""
    node: str = ""
    subject: str = ""


def list_events(asked: EventFilter) -> QuerySet[SystemEvent]:
    """Newest first."""
    given = {name: value for name, value in vars(asked).items() if value}
    return SystemEvent.objects.filter(**given)


def _views(now: datetime) -> list[ProcessView]:
    processes = list(Process.objects.order_by("-seen_at")[:MOST_PROCESSES])
    states = states_of(processes, now)
    running = [process for process in processes if states[process.pk] == State.RUNNING]
    latest = max(running, key=lambda process: process.started_at, default=None)
    code = (latest.version, latest.commit) if latest else None
    return [
        ProcessView(
            process,
            states[process.pk],
            max(0.0, (now - process.seen_at).total_seconds()),
            states[process.pk] == State.RUNNING and (process.version, process.commit) != code,
        )
        for process in processes
    ]


def _node_view(node: Node, views: list[ProcessView], now: datetime) -> NodeView:
    present = [view for view in views if view.state in {State.RUNNING, State.GONE}]
    present.sort(key=lambda view: (view.process.kind, view.process.name, view.process.pk))
    ended = [view for view in views if view.state not in {State.RUNNING, State.GONE}][:MOST_ENDED]
    age = None if node.seen_at is None else max(0.0, (now - node.seen_at).total_seconds())
    states = {view.state for view in present}
    state = next((each for each in (State.RUNNING, State.GONE) if each in states), State.STOPPED)
    return NodeView(node, state, age, is_fresh(node.seen_at, now), [*present, *ended])
