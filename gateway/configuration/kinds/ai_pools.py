"""Pools of AI workers in the document."""

from gateway.configuration.kind import Kind
from routing.api.ai import AIPoolSerializer
from routing.models import AIPool, Destination


class AIPools(Kind):
    """Workers that run the same algorithm."""

    name, noun = "ai_pools", "AI pool"
    model, serializer = AIPool, AIPoolSerializer
    references = {"result_destinations": Destination}
    fields = (
        "name",
        "algorithm",
        "is_enabled",
        "strategy",
        "result_destinations",
        "result_sop_classes",
        "maximum_attempts",
    )
