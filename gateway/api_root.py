"""API: what there is."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.views import APIView

from gateway.accounts.permissions import ANY_ROLE

LISTS = (
    "study",
    "change",
    "conflict",
    "commitment",
    "destination",
    "rule",
    "back-test",
    "delivery",
    "ai-pool",
    "ai-worker",
    "ai-request",
    "ai-result",
    "allowlist",
    "remote-node",
    "tier-policy",
    "source",
    "federation",
    "fetch",
)


class Root(APIView):
    """The front door."""

    required_permission = ANY_ROLE

    @extend_schema(exclude=True)
    def get(self, request: Request) -> Response:
        """Addresses to go on from."""
        names = {"docs": "api-docs", "schema": "api-schema"} | {name: f"api-{name}-list" for name in LISTS}
        return Response({name: reverse(url_name, request=request) for name, url_name in names.items()})
