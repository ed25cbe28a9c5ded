"""Rows of federated search: archives, which of them a question goes to, and how they answered."""

from spanner.models.configurations import ConfigSource, FailureStrategy, SpanningConfig
from spanner.models.fetches import Fetch, FetchState
from spanner.models.health import SourceMinute
from spanner.models.queries import Query, SourceAnswer
from spanner.models.sources import Retrieve, Source, SourceKind

__all__ = [
    "ConfigSource",
    "FailureStrategy",
    "Fetch",
    "FetchState",
    "Query",
    "Retrieve",
    "Source",
    "SourceAnswer",
    "SourceKind",
    "SourceMinute",
    "SpanningConfig",
]
