"""Retrieval behind the gateway's AE title: what is stored, and where remote nodes listen (dicomnet.services)."""

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError, connection

from dicomnet.remote_nodes import RemoteNode, find_node
from dicomnet.retrieval import MoveDestination, Retrieval, RetrieveRequest, Unavailable
from dicomnet.scu.outgoing import Outgoing
from dicomnet.scu.places import take_place
from dicomnet.tls import BadTlsFile, reloading_client
from dicomnet.wire.peer import Peer, PeerError
from studies.retrieve import StoredInstances, syntaxes_by_class, to_send
from studies.retrieve_keys import RetrieveKeys, parse_keys

logger = logging.getLogger(__name__)
STORED_SECONDS = 5
NODE_ASSOCIATIONS = 2  # that a remote node has from C-MOVE requests at once, over all processes
_stored: tuple[float, Mapping[str, Sequence[str]]] = (0.0, {})


def retrieve(request: RetrieveRequest) -> Retrieval:
    """The instances that an identifier names.

    Raises:
        RetrieveRefused: a key is missing or makes no sense.
    """
    return stored(parse_keys(request.identifier, request.root, is_relational=request.is_relational))


def stored(keys: RetrieveKeys) -> Retrieval:
    """The instances that these keys name."""
    try:
        return _Released(StoredInstances(keys))
    finally:
        connection.close()


class _Released:
    """The same instances; no connection to the database is held while they are sent, which may take an hour.

    Opening one anew for each page of a thousand costs nothing beside them.
    """

    def __init__(self, stored: StoredInstances) -> None:
        self.level, self.uids = stored.level, stored.uids
        self.count, self.contexts = stored.count, stored.contexts
        self._stored = stored

    def __iter__(self) -> Iterator[Outgoing | Unavailable]:
        pages = self._stored.pages()
        while True:
            try:
                page = next(pages, None)
            finally:
                connection.close()
            if page is None:
                return
            yield from map(to_send, page)


def stored_syntaxes() -> Mapping[str, Sequence[str]]:
    """Transfer syntaxes by SOP Class of what came in lately, the most frequent first; empty without a database.

    Read anew every few seconds at most: it is asked for while a caller waits for its association.
    """
    global _stored  # noqa: PLW0603 (one for the process, whichever thread reads it anew)
    until, found = _stored
    if time.monotonic() >= until:
        try:
            found = syntaxes_by_class()
        except DatabaseError as error:
            logger.warning("stored transfer syntaxes not read", extra={"error": type(error).__name__})
        finally:
            connection.close()
        _stored = time.monotonic() + STORED_SECONDS, found
    return found


def move_destination(ae_title: str, source_address: str) -> MoveDestination | None:
    """The remote node with this AE title; None when there is none, or more than one of which none is the caller."""
    try:
        node = find_node(ae_title, source_address)
    finally:
        connection.close()
    return None if node is None else NodeDestination(node)


@dataclass(frozen=True)
class NodeDestination:
    """A remote node as Move Destination (dicomnet.retrieval.MoveDestination)."""

    node: RemoteNode

    @property
    def peer(self) -> Peer:
        """Whom to call.

        Raises:
            PeerError: it is to be called over TLS, and the files for that cannot be used.
        """
        node = self.node
        try:
            tls = reloading_client(settings.GANTRY.tls_files).current() if node.tls else None
        except BadTlsFile as error:
            raise PeerError(f"{node} cannot be called over TLS: {error}") from error
        return Peer(
            ae_title=node.ae_title,
            host=node.host,
            port=node.port,
            calling_ae_title=settings.GANTRY.ae_title,
            tls=tls,
            tls_server_name=node.tls_server_name,
        )

    def take_place(self) -> AbstractContextManager[None] | None:
        """One of its associations; None while all are in use."""
        return take_place(moves_folder(), f"node-{self.node.pk}", NODE_ASSOCIATIONS)


def moves_folder() -> Path:
    """Where the associations of Move Destinations are counted, for all processes."""
    folder: Path = settings.GANTRY.run_dir / "moves"
    return folder
