"""An accepted association: pynetdicom's, with a record of what happened on it.

This is the seam for a data plane of our own: the server makes associations of this class, and the class decides how
messages are read from the socket.
"""

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from pynetdicom import evt
from pynetdicom.association import Association
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.service_class import StorageServiceClass
from pynetdicom.transport import AssociationSocket, RequestHandler

from dicomnet.allowlist import Rights


@dataclass
class AssociationRecord:
    """What one association did, for its one log line."""

    began: float = field(default_factory=time.monotonic)
    calling_ae_title: str = ""
    called_ae_title: str = ""
    rights: Rights = field(default_factory=Rights)
    refusal: str = ""
    statuses: Counter[str] = field(default_factory=Counter)
    bytes_received: int = 0
    is_closed: bool = False

    def milliseconds(self) -> int:
        """Since the connection was accepted."""
        return round((time.monotonic() - self.began) * 1000)


class AcceptedAssociation(Association):
    """An association as acceptor, with its record, and storage of SOP Classes that pynetdicom does not know."""

    def __init__(self, ae: Any, mode: str) -> None:
        super().__init__(ae, mode)
        self.record = AssociationRecord()

    def _serve_request(self, msg: Any, context_id: int) -> None:
        # pynetdicom serves C-STORE of the storage classes that it lists, and answers no request without its UIDs: a
        # private class has no service class there, and a sender without an answer would wait and try for ever.
        context = self._accepted_cx.get(context_id)
        if is_store_request(msg) and context is not None and not self._sent_release:
            StorageServiceClass(self).SCP(msg, context)
        else:
            super()._serve_request(msg, context_id)


def is_store_request(msg: Any) -> bool:
    """A C-STORE request that can be answered, whole or not."""
    return isinstance(msg, C_STORE) and msg.MessageID is not None and msg.MessageIDBeingRespondedTo is None


class ConnectionHandler(RequestHandler):
    """Makes our associations; leaves out pynetdicom's deep copy of the contexts, which the handlers set anyway."""

    def _create_association(self) -> AcceptedAssociation:
        assoc = AcceptedAssociation(self.ae, "acceptor")
        assoc._server = self.server
        assoc.name = f"AcceptorThread@{time.time_ns()}"
        assoc.set_socket(AssociationSocket(assoc, client_socket=self.request))
        assoc.acceptor.maximum_length = self.ae.maximum_pdu_size
        assoc.acceptor.ae_title = self.server.ae_title
        assoc.acceptor.address_info = self.local
        assoc.acceptor.implementation_class_uid = self.ae.implementation_class_uid
        assoc.acceptor.implementation_version_name = self.ae.implementation_version_name
        assoc.requestor.address_info = self.remote
        bound: dict[Any, Any] = self.server._handlers
        for event, handlers in bound.items():
            if event.is_intervention and handlers:
                assoc.bind(event, *handlers)
            elif isinstance(event, evt.NotificationEvent):
                for handler, arguments in handlers:
                    assoc.bind(event, handler, arguments)
        return assoc


def source_address(assoc: Association) -> str:
    """The address of the peer's end of the connection."""
    return assoc.requestor.address or ""
