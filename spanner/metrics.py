"""Counters of federated search, by names of sources, doors and states, of which there are few; no patient data."""

from collections.abc import Sequence

from prometheus_client import Counter, Gauge, Histogram

from spanner.answers import USABLE, Answer, State

SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60)

ANSWERS = Counter("gantry_span_answers_total", "Answers of sources by how they ended.", ["source", "state"])
CACHED = Counter("gantry_span_cached_answers_total", "Answers that were given again without asking.", ["source"])
ANSWER_SECONDS = Histogram(
    "gantry_span_answer_seconds", "How long a source that was asked took.", ["source"], buckets=SECONDS
)
QUERIES = Counter("gantry_span_queries_total", "Federated queries by what came of them.", ["door", "outcome"])
QUERY_SECONDS = Histogram("gantry_span_query_seconds", "How long a federated query took.", ["door"], buckets=SECONDS)
# Of the processes of this host together: those of one that has ended are not counted.
UNDER_WAY = Gauge(
    "gantry_span_under_way", "Questions that a source is being asked.", ["source"], multiprocess_mode="livesum"
)
IN_LINE = Gauge(
    "gantry_span_in_line", "Questions that wait for a free line to a source.", ["source"], multiprocess_mode="livesum"
)
LINES = Gauge("gantry_span_lines", "Lines that there are to a source.", ["source"], multiprocess_mode="livesum")


def count(door: str, answers: Sequence[Answer], seconds: float) -> None:
    """Count a query and the answers that it got."""
    for answer in answers:
        if answer.age_seconds:
            CACHED.labels(answer.source).inc()
            continue
        ANSWERS.labels(answer.source, answer.state).inc()
        if answer.state is not State.OPEN:
            ANSWER_SECONDS.labels(answer.source).observe(answer.milliseconds / 1000)
    QUERIES.labels(door, _outcome(answers)).inc()
    QUERY_SECONDS.labels(door).observe(seconds)


def _outcome(answers: Sequence[Answer]) -> str:
    if not any(answer.state in USABLE for answer in answers):
        return "none"
    return "complete" if all(answer.is_whole for answer in answers) else "partial"
