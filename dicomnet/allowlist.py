"""Decides who may associate, and for what: default deny, kept in memory, refreshed while the listener runs.

The list survives a database that is down: the last one that was read stands, and a copy in a file serves a listener
that starts meanwhile.
"""

import json
import logging
import os
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.db import DatabaseError, connection

from dicomnet.certificates import PeerCertificate
from dicomnet.models import ANY, AllowlistEntry
from dicomnet.restrictions import normal_certificates, normal_move_destinations, normal_sop_classes

logger = logging.getLogger(__name__)
REFRESH_SECONDS = 3
_network = lru_cache(maxsize=4096)(ip_network)


@dataclass(frozen=True)
class Rights:
    """What one caller may do on an association.

    Attributes:
        store_classes: UIDs of the storage SOP Classes that it may use; empty: all.
        move_destinations: AE titles that it may name as destination of C-MOVE; empty: all.
    """

    may_echo: bool = False
    may_store: bool = False
    may_find: bool = False
    may_move: bool = False
    may_get: bool = False
    may_commit: bool = False
    store_classes: frozenset[str] = frozenset()
    move_destinations: frozenset[str] = frozenset()

    def may_store_class(self, sop_class_uid: str) -> bool:
        """Whether instances of this SOP Class may be stored; else the answer is 0x0124 (PS3.7 Annex C)."""
        return self.may_store and (not self.store_classes or sop_class_uid in self.store_classes)

    def may_move_to(self, ae_title: str) -> bool:
        """Whether C-MOVE may name this destination; else the answer is 0xA801 (PS3.4 C.4.2.1.5)."""
        return self.may_move and (not self.move_destinations or ae_title in self.move_destinations)

    def __or__(self, other: "Rights") -> "Rights":
        """What either allows: the wider of two restrictions, and none by an entry without the right itself."""
        return Rights(
            **{name: getattr(self, name) or getattr(other, name) for name in FLAGS},
            store_classes=_wider(self.may_store, self.store_classes, other.may_store, other.store_classes),
            move_destinations=_wider(self.may_move, self.move_destinations, other.may_move, other.move_destinations),
        )


FLAGS = tuple(field.name for field in fields(Rights) if field.name.startswith("may_"))


def _wider(first_may: bool, first: frozenset[str], second_may: bool, second: frozenset[str]) -> frozenset[str]:
    if not first_may:
        return second
    if not second_may:
        return first
    return first | second if first and second else frozenset()


@dataclass(frozen=True)
class Entry:
    """One allowlist entry, free of the database.

    Attributes:
        certificates: fingerprints and names, one of which the caller's certificate must have; empty: none is needed.
    """

    calling_ae_title: str
    network: str
    called_ae_title: str
    rights: Rights
    requires_tls: bool = False
    certificates: frozenset[str] = frozenset()

    def covers(
        self,
        calling_ae_title: str,
        address: IPv4Address | IPv6Address,
        called_ae_title: str,
        certificate: PeerCertificate | None = None,
        *,
        is_tls: bool = False,
    ) -> bool:
        """The entry speaks of this caller."""
        return (
            self.calling_ae_title in {ANY, calling_ae_title}
            and self.called_ae_title in {"", ANY, called_ae_title}
            and address in _network(self.network)
            and (is_tls or certificate is not None or not self.requires_tls)
            and (not self.certificates or (certificate is not None and certificate.is_one_of(self.certificates)))
        )


class Allowlist:
    """The entries as last read; safe for use from many threads."""

    def __init__(self, snapshot: Path) -> None:
        """Read the database, or the snapshot file when that is down."""
        self._snapshot = snapshot
        self._entries: tuple[Entry, ...] | None = None
        if not self.refresh():
            self._entries = _read_snapshot(snapshot)

    def rights(
        self,
        calling_ae_title: str,
        address: str,
        called_ae_title: str,
        certificate: PeerCertificate | None = None,
        *,
        is_tls: bool = False,
    ) -> Rights | None:
        """The union of what all entries for this caller allow; None when no entry speaks of it.

        Args:
            calling_ae_title: as the caller names itself.
            address: where the connection comes from.
            called_ae_title: whom it calls.
            certificate: the verified one that it showed; None in plain text, and where none was asked for.
            is_tls: the connection is encrypted, whether or not the caller showed a certificate.
        """
        parsed = _plain(ip_address(address.partition("%")[0]))
        found: Rights | None = None
        for entry in self._entries or ():
            if entry.covers(calling_ae_title, parsed, called_ae_title, certificate, is_tls=is_tls):
                found = entry.rights if found is None else found | entry.rights
        return found

    def refresh(self) -> bool:
        """Read the entries anew; False, and the last ones stand, when the database does not answer."""
        try:
            rows = list(AllowlistEntry.objects.all())
        except DatabaseError as error:
            logger.warning("allowlist not refreshed", extra={"error": str(error)})
            return False
        finally:
            connection.close()
        entries = tuple(entry for row in rows if (entry := _entry(row)) is not None)
        if entries != self._entries:
            self._entries = entries
            _write_snapshot(self._snapshot, entries)
        return True

    def refresh_forever(self) -> Callable[[], None]:
        """Keep the list fresh from a thread of its own, so that a slow database delays no association.

        Returns:
            What ends it; a process that ends needs not call it.
        """
        stopped = threading.Event()

        def loop() -> None:
            while not stopped.wait(REFRESH_SECONDS):
                self.refresh()

        thread = threading.Thread(target=loop, name="allowlist", daemon=True)
        thread.start()

        def end() -> None:
            stopped.set()
            thread.join()

        return end


def _entry(row: AllowlistEntry) -> Entry | None:
    """None for a row that makes no sense.

    The form checks all of it too, but a row may come by another way, and must neither hide the others nor allow more
    than somebody meant.
    """
    try:
        ip_network(row.network)
        rights = Rights(
            **{name: getattr(row, name) for name in FLAGS},
            store_classes=frozenset(normal_sop_classes(row.sop_classes)),
            move_destinations=frozenset(normal_move_destinations(row.move_destinations)),
        )
        certificates = frozenset(normal_certificates(row.certificates))
    except (ValueError, ValidationError) as error:
        logger.error("allowlist entry left out", extra={"entry": row.pk, "error": str(error)})
        return None
    return Entry(row.calling_ae_title, row.network, row.called_ae_title, rights, row.requires_tls, certificates)


def _plain(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """An IPv4 caller on a listener for both families shows as ::ffff:10.1.2.3."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _write_snapshot(path: Path, entries: tuple[Entry, ...]) -> None:
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        fresh.write_text(json.dumps([asdict(entry) for entry in entries], default=sorted))  # sets as sorted lists
        fresh.replace(path)
    except OSError as error:
        logger.warning("allowlist snapshot not written", extra={"error": str(error)})


def _read_snapshot(path: Path) -> tuple[Entry, ...]:
    try:
        return tuple(_entry_from(row) for row in json.loads(path.read_text()))
    except (OSError, ValueError, TypeError, KeyError):
        return ()


def _entry_from(row: dict[str, Any]) -> Entry:
    """From a line of the snapshot; one of a version that knew fewer keys has their defaults, as it had then.

    Raises:
        ValueError, TypeError, KeyError: it is not a line that ``_write_snapshot`` wrote.
    """
    ip_network(row["network"])
    rights = _with_sets(row["rights"], "store_classes", "move_destinations")
    return Entry(**_with_sets(row, "certificates") | {"rights": Rights(**rights)})


def _with_sets(row: dict[str, Any], *names: str) -> dict[str, Any]:
    return row | {name: frozenset(row[name]) for name in names if name in row}
