"""The DICOM conformance statement in the form of PS3.2 Annex A, made from the tables of the code."""

from collections.abc import Callable, Iterable, Iterator
from textwrap import wrap

from pydicom.uid import UID

from dicomnet import conformance
from dicomnet.contexts import IDENTIFIER_SYNTAXES, READABLE
from dicomnet.part10 import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from dicomnet.retrieval import RETRIEVE_CLASSES
from dicomnet.scp.association import IDLE_SECONDS, REQUEST_SECONDS
from dicomnet.scp.retrieve import MAXIMUM_IDENTIFIER_BYTES, PENDING_SECONDS
from dicomnet.scp.server import HANDSHAKE_SECONDS
from dicomnet.scu.store import WINDOW
from dicomnet.tls import CIPHERS_OF_TLS_1_2
from dicomnet.wire import guard, receive
from dicomnet.wire.proposal import MAXIMUM_CONTEXTS
from gateway.env import BASE_DIR
from studies.character_sets import SPECIFIC_CHARACTER_SETS
from studies.commitments.accept import MAXIMUM_OPEN_REQUESTS, MAXIMUM_REFERENCES
from studies.retrieve_keys import LEVELS, MAXIMUM_UIDS

PATH = BASE_DIR / "docs" / "conformance-statement.md"
COMMAND = "python manage.py conformancestatement"
YES, NO = "yes", ""
WIDTH = 120


def statement() -> str:
    """The whole document as Markdown."""
    sections: tuple[Callable[[], Iterator[str]], ...] = (_overview, _model, _specification, _associations, _the_rest)
    lines = [
        "# DICOM conformance statement",
        "",
        f"Made from the tables of the code by `{COMMAND}`; do not edit it. The form is that of PS3.2 Annex A.",
        "",
    ]
    for section in sections:
        lines += section()
    return "\n".join(lines)


def _text(words: str) -> Iterator[str]:
    yield from wrap(words, WIDTH, break_long_words=False, break_on_hyphens=False)
    yield ""


def _table(heads: Iterable[str], rows: Iterable[Iterable[object]]) -> Iterator[str]:
    heads = list(heads)
    yield _line(heads)
    yield _line("---" for _ in heads)
    for row in rows:
        yield _line(row)
    yield ""


def _line(cells: Iterable[object]) -> str:
    return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"


def _names(syntaxes: Iterable[UID]) -> str:
    return "; ".join(sorted(UID(syntax).name for syntax in syntaxes))


def _overview() -> Iterator[str]:
    yield "## 1 Overview"
    yield ""
    yield from _text(
        "Gantry is a gateway and an archive: it stores instances, sends them on, proves where they are, and gives "
        "them out."
    )
    rows = [
        (known.service, known.name, YES if known.as_scu else NO, YES if known.as_scp else NO)
        for known in conformance.network_classes()
    ]
    rows.append(("Storage", "every storage SOP Class, private ones too (annex A)", YES, YES))
    yield from _table(("service", "SOP Class", "user (SCU)", "provider (SCP)"), rows)


def _model() -> Iterator[str]:
    yield "## 2 Implementation model"
    yield ""
    yield from _text(
        "One application entity, `GANTRY` unless it is configured otherwise (`GANTRY_AE_TITLE`), and one more for each "
        "federation that has an AE title: it asks many archives at once and holds nothing itself (3.5)."
    )
    yield from _table(
        ("real-world activity", "network activity"),
        [
            ("a device sends", "C-STORE is taken as provider, synced to the disk, then answered; indexed after that"),
            ("a rule matches what came in", "C-STORE as user to each destination, tried again for 72 hours"),
            (
                "a device asks whether its instances are safe",
                "N-ACTION is taken, files are read back, N-EVENT-REPORT is sent",
            ),
            ("a destination is to prove what it has", "N-ACTION or C-FIND as user; N-EVENT-REPORT is taken"),
            ("a workstation searches", "C-FIND as provider"),
            ("a workstation searches a federation", "C-FIND as provider, then as user to each of its DICOM sources"),
            (
                "a caller fetches",
                "C-GET: C-STORE as user on the same association; C-MOVE: on one to the Move Destination",
            ),
            (
                "a study is brought from another archive",
                "C-FIND and C-GET as user, as SCP of storage; or C-MOVE as user to Gantry's AE title",
            ),
            ("a person presses Echo", "C-ECHO as user"),
        ],
    )


def _specification() -> Iterator[str]:
    yield "## 3 AE specification: SOP Classes"
    yield ""
    yield "### 3.1 As provider (SCP)"
    yield ""
    yield from _text(
        "A caller must be named by the allowlist, with the right that stands here; else the SOP Class is answered "
        'with "abstract syntax not supported".'
    )
    rows = [
        (c.name, c.uid, c.as_scp, _short(c.syntaxes), c.extended) for c in conformance.network_classes() if c.as_scp
    ]
    rows.append(("Storage (annex A)", "", "Store", "every one of annex B", ""))
    heads = ("SOP Class", "UID", "right", "transfer syntaxes", "extended negotiation and roles")
    yield from _table(heads, rows)
    yield from _text(
        "Storage SOP Classes may be limited for a caller. A caller with the right Get that proposes itself as SCP "
        "of a storage SOP Class (PS3.7 D.3.3.4) is granted that role."
    )
    yield "### 3.2 As user (SCU)"
    yield ""
    user_rows = [(c.name, c.uid, c.as_scu, _short(c.proposed)) for c in conformance.network_classes() if c.as_scu]
    as_stored = "that in which the instance is stored, or made"
    user_rows.append(("Storage (annex A)", "", conformance.storage_classes()[0].as_scu, as_stored))
    yield from _table((*heads[:2], "when", heads[3]), user_rows)
    yield "### 3.3 Query/Retrieve information models"
    yield ""
    yield from _table(
        ("information model", "levels", "retrieval"),
        [
            (
                root.value,
                ", ".join(levels),
                ", ".join(known.service.value for known in RETRIEVE_CLASSES.values() if known.root is root),
            )
            for root, levels in LEVELS.items()
        ],
    )
    yield from _text(
        f"A list of UIDs has at most {MAXIMUM_UIDS:,} values, an identifier {MAXIMUM_IDENTIFIER_BYTES >> 20} MiB. "
        f"Pending responses come at most each {PENDING_SECONDS:g} s. Details and the set-up of Move Destinations: "
        "[retrieving](retrieve.md)."
    )
    yield "### 3.4 Statuses"
    yield ""
    for service in conformance.STATUSES:
        yield f"**{service}**"
        yield ""
        yield from _table(("status", "when"), conformance.status_rows(service))

    yield from _federations()


def _federations() -> Iterator[str]:
    yield "### 3.5 AE titles of federations"
    yield ""
    yield from _text(
        "Behind the AE title of a federation are the SOP Classes of 3.1, for the callers that the allowlist names for "
        "that title. Of these only C-ECHO, C-FIND, C-GET and C-MOVE are carried out. Details: "
        "[federation](federation.md)."
    )
    yield from _table(
        ("service", "what differs from 3.1 to 3.4"),
        [
            (
                "C-FIND",
                "no extended negotiation is granted; a query below STUDY names one study; keys that Gantry does not "
                "index are asked on, with 0xFF01; sequences and binary values are not",
            ),
            ("C-FIND", "Retrieve AE Title (0008,0054) is the federation's, then those of the sources of the match"),
            ("C-FIND", "one Study Instance UID of two patients is two matches"),
            ("C-FIND, strategy strict", "no match, but 0xC001 with Error Comment `missing: NAME (state)`"),
            (
                "C-FIND, other strategies",
                "0x0000 when a source is missing, of which the log says which; 0xC001 with `fail` when all are",
            ),
            ("C-GET, C-MOVE", "a study that is not in Gantry and cannot be brought is one failed sub-operation"),
            ("C-STORE", "0x0124 with Error Comment"),
            ("N-ACTION of Storage Commitment", "0x0124 with Error Comment"),
        ],
    )


def _short(syntaxes: frozenset[UID]) -> str:
    return "every one of annex B" if syntaxes == READABLE else _names(syntaxes)


def _associations() -> Iterator[str]:
    yield "## 4 AE specification: association policies"
    yield ""
    yield from _table(
        ("", ""),
        [
            ("application context", "1.2.840.10008.3.1.1.1"),
            ("Implementation Class UID", IMPLEMENTATION_CLASS_UID),
            ("Implementation Version Name", IMPLEMENTATION_VERSION_NAME),
            ("longest PDU that is taken", f"{receive.MAXIMUM_PDU_BYTES:,} bytes"),
            ("longest message that is no instance", f"{receive.MAXIMUM_MESSAGE_BYTES >> 20} MiB"),
            (
                "presentation contexts of an association that is opened",
                f"at most {MAXIMUM_CONTEXTS}, one for each pair",
            ),
            ("asynchronous operations, as user of storage", f"{WINDOW} are asked for; what is granted is kept to"),
            ("asynchronous operations, as provider", "none: one request after the other"),
            (
                "associations of a listener process",
                f"{guard.MAXIMUM_ASSOCIATIONS}, {guard.MAXIMUM_ASSOCIATIONS_PER_ADDRESS} of one address",
            ),
            (
                "connections without an association",
                f"{guard.MAXIMUM_WAITING}, {guard.MAXIMUM_WAITING_PER_ADDRESS} of one address",
            ),
            ("A-ASSOCIATE-RQ", f"within {REQUEST_SECONDS} s"),
            ("TLS handshake", f"within {HANDSHAKE_SECONDS} s"),
            ("an association without any PDU", f"aborted after {IDLE_SECONDS} s"),
            (
                "references in a request for storage commitment",
                f"{MAXIMUM_REFERENCES:,}; {MAXIMUM_OPEN_REQUESTS:,} open requests of one AE title",
            ),
        ],
    )
    yield from _text(
        "**Acceptance.** Rejected are: an unknown called AE title (1, 1, 7), a caller that the allowlist does not "
        "name (1, 1, 3), another application context (1, 1, 2), one that would store while nothing is taken in "
        "(2, 3, 1), and one too many (2, 3, 2). Of several transfer syntaxes in a presentation context the first "
        "that can be read is accepted; Implicit VR Little Endian yields to Explicit VR Little Endian. Where the "
        "caller is the SCP of storage it is the one in which most instances of the SOP Class came in lately."
    )
    yield from _text(
        "**Initiation.** One presentation context is proposed for each pair of SOP Class and transfer syntax; an "
        "instance is sent as it is stored, or as the rule of its delivery changes it, never transcoded to suit a "
        "context."
    )


def _the_rest() -> Iterator[str]:
    yield "## 5 Network interfaces and configuration"
    yield ""
    yield from _text(
        "TCP/IP, IPv4 and IPv6, one port in plain text and one with TLS. AE titles, ports, limits of "
        "destinations: [settings](settings.md), [destinations](destinations.md), "
        "[administration](administration.md)."
    )
    yield "## 6 Support of character sets"
    yield ""
    yield from _text(
        "Data sets are kept and sent byte for byte. For searches and rules text is read in these; what is not valid is "
        "read as it was most likely meant, and marked: " + ", ".join(SPECIFIC_CHARACTER_SETS) + "."
    )
    yield "## 7 Security"
    yield ""
    yield from _table(
        ("", ""),
        [
            ("profile", "BCP 195 RFC 8996, 9325 TLS Secure Transport Connection Profile (PS3.15 B.12)"),
            ("versions", "TLS 1.3, TLS 1.2"),
            ("suites of TLS 1.2", f"`{CIPHERS_OF_TLS_1_2}`"),
            ("certificates", "callers must show one where `GANTRY_TLS_CA` is set; it may be bound to an AE title"),
            ("association level", "allowlist by AE title, network, certificate, SOP Class and right; default deny"),
            ("user identity negotiation", "not used: proposed, it is not answered"),
            ("audit trail messages", "PS3.15 A.5 and A.6 (SYSLOG-TLS), with `GANTRY_AUDIT_SYSLOG`: docs/audit.md"),
            ("syslog", "RFC 5424 and 5425, no STRUCTURED-DATA, one connection for each batch, at most 32,768 octets"),
            ("additions to the messages", "one more Participant Object: the record itself (RFC-3881 12, URI)"),
        ],
    )
    yield "## Annex A: storage SOP Classes"
    yield ""
    yield "Besides these, every SOP Class that belongs to no other service."
    yield ""
    yield from _table(("SOP Class", "UID"), ((c.name, c.uid) for c in conformance.storage_classes()))
    yield "## Annex B: transfer syntaxes"
    yield ""
    rows = ((UID(syntax).name, syntax) for syntax in sorted(READABLE, key=lambda uid: (UID(uid).name, uid)))
    yield from _table(("transfer syntax", "UID"), rows)
    yield from _text(f"Of identifiers: {_names(IDENTIFIER_SYNTAXES)}.")
