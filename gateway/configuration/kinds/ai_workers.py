"""AI workers in the document."""

from gateway.configuration.kind import Kind
from routing.api.ai import AIWorkerSerializer
from routing.models import AIPool, AIWorker


class AIWorkers(Kind):
    """The nodes that compute."""

    name, noun = "ai_workers", "AI worker"
    model, serializer = AIWorker, AIWorkerSerializer
    shown = frozenset({"port"})
    references = {"pool": AIPool}
    fields = (
        "name",
        "pool",
        "is_enabled",
        "ae_title",
        "host",
        "port",
        "tls",
        "tls_server_name",
        "timeout_seconds",
        "maximum_requests",
        "weight",
    )
