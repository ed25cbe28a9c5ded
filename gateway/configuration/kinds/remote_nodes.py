"""Remote nodes in the document."""

from dicomnet.api import RemoteNodeSerializer
from dicomnet.models import RemoteNode
from gateway.configuration.kind import Key, Kind


class RemoteNodes(Kind):
    """Where devices listen."""

    name, noun = "remote_nodes", "remote node"
    model, serializer = RemoteNode, RemoteNodeSerializer
    key = ("ae_title", "host", "port")
    fields = ("ae_title", "host", "port", "tls", "tls_server_name", "comment")

    def title(self, key: Key) -> str:
        """As pages call it."""
        return f"{key[0]} at {key[1]}:{key[2]}"
