"""Look at a destination step by step, from its address to an answer, and say what to change where a step fails."""

import socket
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pydicom.uid import (
    ComputedRadiographyImageStorage,
    CTImageStorage,
    DigitalXRayImageStorageForPresentation,
    EncapsulatedPDFStorage,
    EnhancedCTImageStorage,
    EnhancedMRImageStorage,
    EnhancedSRStorage,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    MRImageStorage,
    RLELossless,
    SecondaryCaptureImageStorage,
    SegmentationStorage,
    UltrasoundImageStorage,
    UltrasoundMultiFrameImageStorage,
)
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]

from dicomnet.scu.association import Peer, PeerError, RequestorAssociation
from dicomnet.sop_classes import keyword_of
from dicomnet.tls import certificate_of
from dicomnet.wire.channel import connect
from routing.destinations import echo_destination
from routing.models import Destination, DestinationKind
from routing.peers import peer_of

CLASSES = (
    ComputedRadiographyImageStorage,
    CTImageStorage,
    DigitalXRayImageStorageForPresentation,
    EncapsulatedPDFStorage,
    EnhancedCTImageStorage,
    EnhancedMRImageStorage,
    EnhancedSRStorage,
    MRImageStorage,
    SecondaryCaptureImageStorage,
    SegmentationStorage,
    UltrasoundImageStorage,
    UltrasoundMultiFrameImageStorage,
)
SYNTAXES = (
    ImplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)
# What part of a failure's words tells what to change.
_ADVICE = (
    ("nobody listens", "Is the program running there? Are host and port right? Does a firewall refuse the connection?"),
    (
        "no connection within",
        "Is the machine on? Does a firewall on the way drop what is sent to that port?",
    ),
    ("not known", "Correct the host's name, or have this machine's name server (DNS) learn it; or enter the address."),
    ("called AE title not recognised", "Enter the AE title that the peer has; capitals matter."),
    ("calling AE title not recognised", "Have the peer's administrator enter Gantry's AE title and this address."),
    ("GANTRY_TLS_CA", "Put the certificate of the peer's CA, or the peer's own, into the file of GANTRY_TLS_CA."),
    ("another host name", "Enter the name that stands in the certificate under “name in its certificate”."),
    ("another address", "Enter the name that stands in the certificate under “name in its certificate”."),
    ("has expired", "Have the peer's administrator put a new certificate there."),
    ("speak TLS", "Is TLS really spoken on this port? 2762 is usual for TLS, 104 and 11112 for plain DICOM."),
    ("certificate of ours", "Set GANTRY_TLS_CERT and GANTRY_TLS_KEY, and have the peer trust that certificate."),
    (
        "closed the connection",
        "Does the peer want TLS, or callers that it knows? Its own log says why it closed.",
    ),
    ("did not answer the request", "Is it a DICOM node that listens on that port? Its own log may tell more."),
)


@dataclass(frozen=True)
class Step:
    """One thing that was looked at.

    Attributes:
        details: lines that belong below it.
        advice: what to change when it failed; empty where its words say so themselves.
    """

    name: str
    is_good: bool
    words: str
    details: tuple[str, ...] = ()
    advice: str = ""


def check(destination: Destination) -> Iterator[Step]:
    """Each step as it is done; the first that fails is the last."""
    if destination.kind == DestinationKind.DICOM:
        yield from _check_dicom(destination)
    else:
        yield _echo(destination)


def _check_dicom(destination: Destination) -> Iterator[Step]:
    try:
        peer = peer_of(destination)
        yield Step("address", True, ", ".join(peer.addresses))
        yield _connection(peer)
        yield _association(peer)
    except PeerError as error:
        yield Step("call", False, str(error), advice=advice_for(str(error)))
    else:
        yield _echo(destination)


def _connection(peer: Peer) -> Step:
    channel = connect(peer)
    try:
        if peer.tls is None:
            return Step("connection", True, f"open to port {peer.port}, without TLS")
        return Step("connection", True, _tls_in_words(channel.socket))
    finally:
        channel.close()


def _tls_in_words(connection: socket.socket) -> str:
    certificate = certificate_of(connection)  # type: ignore[arg-type]
    version, cipher = connection.version(), connection.cipher()  # type: ignore[attr-defined]
    shown = f", certificate {certificate.fingerprint}" if certificate else ""
    return f"{version} with {cipher[0]}{shown}"


def _association(peer: Peer) -> Step:
    proposed = [(Verification, ImplicitVRLittleEndian), *((each, syntax) for each in CLASSES for syntax in SYNTAXES)]
    with RequestorAssociation(peer, proposed) as assoc:
        accepted, window = set(assoc.contexts), assoc.window
    lines = tuple(_contexts_in_words(each, accepted) for each in CLASSES)
    count = sum(any((each, syntax) in accepted for syntax in SYNTAXES) for each in CLASSES)
    words = f"accepted; {count} of {len(CLASSES)} usual kinds of objects, {window} at once"
    advice = "" if count else "It takes none of them: have its administrator allow Gantry to store (C-STORE)."
    return Step("association", count > 0, words, lines, advice)


def _contexts_in_words(sop_class: str, accepted: Iterable[tuple[str, str]]) -> str:
    names = [syntax.keyword for syntax in SYNTAXES if (sop_class, syntax) in accepted]
    return f"{keyword_of(sop_class)}: {', '.join(names) or 'not taken'}"


def _echo(destination: Destination) -> Step:
    outcome = echo_destination(destination)
    words = f"{outcome.words} ({outcome.milliseconds:g} ms)"
    return Step("echo", outcome.is_alive, words, advice="" if outcome.is_alive else advice_for(outcome.words))


def advice_for(words: str) -> str:
    """What to change after a failure; empty where the words are advice themselves."""
    return next((advice for part, advice in _ADVICE if part in words), "")
