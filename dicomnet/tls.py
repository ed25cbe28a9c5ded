"""TLS for DICOM by BCP 195: RFC 8996 and RFC 9325 (PS3.15 B.12).

TLS 1.3 is preferred, 1.2 is the least, and of 1.2 only suites with ephemeral keys and authenticated encryption. No
compression, no renegotiation, no downgrade, never a change from plain text to TLS on one connection.
"""

import logging
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from dicomnet.certificates import PeerCertificate, from_peer
from dicomnet.tls_words import refusal_in_words

logger = logging.getLogger(__name__)
# RFC 9325 4.2; level 2 takes no RSA key below 2048 bits and no SHA-1 signature (RFC 9325 4.5).
CIPHERS_OF_TLS_1_2 = "ECDHE+AESGCM:ECDHE+CHACHA20:!PSK:@SECLEVEL=2"
_CERTIFICATE_EXPIRED, _CERTIFICATE_NOT_YET_VALID, _WRONG_PURPOSE = 10, 9, 26


class BadTlsFile(Exception):
    """A certificate, key or CA file cannot be used; the message is one sentence that says which and why."""


@dataclass(frozen=True)
class TlsFiles:
    """Where the gateway's certificate and key are, and the certificates of those it trusts; all PEM.

    Attributes:
        cert: own certificate, with the intermediate ones after it; None: none is shown.
        key: its private key, not encrypted.
        ca: who may sign a peer's certificate, or single peers' certificates; None: a caller is not asked for one, and
            who is called is checked against the system's store.
    """

    cert: Path | None
    key: Path | None
    ca: Path | None

    def signature(self) -> tuple[tuple[int, int, int] | None, ...]:
        """Differs as soon as a file was replaced or written."""
        return tuple(_signature(path) for path in (self.cert, self.key, self.ca))


def server_context(cert: Path, key: Path, ca: Path | None) -> ssl.SSLContext:
    """For accepted connections; with ``ca`` a caller must show a certificate that these verify.

    Raises:
        BadTlsFile: a file cannot be read, does not fit, or is out of date.
    """
    context = _by_bcp_195(ssl.PROTOCOL_TLS_SERVER)
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    _load_own(context, cert, key, is_server=True)
    if ca is not None:
        _load_trusted(context, ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def client_context(files: TlsFiles) -> ssl.SSLContext:
    """For calls to peers: own certificate shown when asked for, the peer's chain and name verified.

    The name is the one given to ``wrap_socket`` as ``server_hostname``: a subject alternative name or, in a certificate
    without any, the common name, where the certificates of devices often have their AE title.

    Raises:
        BadTlsFile: a file cannot be used.
    """
    context = _by_bcp_195(ssl.PROTOCOL_TLS_CLIENT)
    if files.cert is not None and files.key is not None:
        _load_own(context, files.cert, files.key, is_server=False)
    if files.ca is not None:
        _load_trusted(context, files.ca)
    else:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    return context


class Reloading:
    """A context that follows its files: a certificate is replaced without a restart.

    A look at the files costs microseconds, so each connection asks for the current one.
    """

    def __init__(self, files: TlsFiles, build: Callable[[TlsFiles], ssl.SSLContext]) -> None:
        """Build the first context.

        Raises:
            BadTlsFile: the files cannot be used now.
        """
        self._files, self._build = files, build
        self._lock = threading.Lock()
        self._seen = files.signature()
        self._context = build(files)

    def current(self) -> ssl.SSLContext:
        """The context of the files as they are; the last good one while they cannot be used."""
        found = self._files.signature()
        if found != self._seen:
            with self._lock:
                if found != self._seen:
                    self._follow()
                    # Last, and as it was before the files were read: what is written meanwhile is seen next time.
                    self._seen = found
        return self._context

    def _follow(self) -> None:
        try:
            self._context = self._build(self._files)
        except BadTlsFile as error:
            # Certificate and key are often replaced one after the other: the second change comes by here again.
            logger.error("TLS files not reloaded, the last good ones stand", extra={"error": str(error)})
        else:
            logger.info("TLS files reloaded")


def reloading_server(files: TlsFiles) -> Reloading:
    """For the listener: ``current()`` for each accepted connection.

    Raises:
        BadTlsFile: a file cannot be used, or certificate or key is not given.
    """

    def build(files: TlsFiles) -> ssl.SSLContext:
        if files.cert is None or files.key is None:
            raise BadTlsFile("A TLS listener needs GANTRY_TLS_CERT and GANTRY_TLS_KEY.")
        return server_context(files.cert, files.key, files.ca)

    return Reloading(files, build)


@lru_cache(maxsize=1)
def reloading_client(files: TlsFiles) -> Reloading:
    """For calls to peers: ``current()`` for each; shared, as the system's store takes tens of milliseconds to read.

    Raises:
        BadTlsFile: a file cannot be used.
    """
    return Reloading(files, client_context)


def certificate_of(connection: ssl.SSLSocket | ssl.SSLObject) -> PeerCertificate | None:
    """The verified certificate of the other end, after the handshake; None when it was not asked for one."""
    der, decoded = connection.getpeercert(binary_form=True), connection.getpeercert()
    # What was shown but not verified decodes to an empty dictionary.
    return from_peer(der, decoded) if der and decoded else None


def expires_at(cert: Path, key: Path) -> datetime:
    """When the gateway's own certificate ends.

    Raises:
        BadTlsFile: it cannot be used even now.
    """
    return _prove(cert, key, is_server=False)


def _by_bcp_195(protocol: int) -> ssl.SSLContext:
    context = ssl.SSLContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.maximum_version = ssl.TLSVersion.TLSv1_3
    context.options |= ssl.OP_NO_COMPRESSION
    context.set_ciphers(CIPHERS_OF_TLS_1_2)
    # A single device's certificate among the trusted ones is trusted too, whoever signed it.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


def _load_own(context: ssl.SSLContext, cert: Path, key: Path, *, is_server: bool) -> None:
    _prove(cert, key, is_server=is_server)
    _load_pair(context, cert, key)


def _load_pair(context: ssl.SSLContext, cert: Path, key: Path) -> None:
    if "-----BEGIN CERTIFICATE-----" not in _read(cert, "GANTRY_TLS_CERT"):
        raise BadTlsFile(f"{cert} (GANTRY_TLS_CERT) holds no certificate in PEM form.")
    if "PRIVATE KEY-----" not in _read(key, "GANTRY_TLS_KEY"):
        raise BadTlsFile(f"{key} (GANTRY_TLS_KEY) holds no private key in PEM form.")

    def no_password() -> str:
        # Without this OpenSSL would ask at the terminal, and wait.
        raise BadTlsFile(f"{key} (GANTRY_TLS_KEY) is encrypted; decrypt it with: openssl pkey -in FILE -out FILE")

    try:
        context.load_cert_chain(cert, key, password=no_password)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise BadTlsFile(f"The key in {key} (GANTRY_TLS_KEY) is not that of the certificate in {cert}.") from error
        raise BadTlsFile(f"{cert} and {key} cannot be used: {refusal_in_words(error)}.") from error
    except OSError as error:  # replaced or removed since it was read
        raise BadTlsFile(f"{cert} or {key} cannot be read ({error.strerror}).") from error


def _load_trusted(context: ssl.SSLContext, ca: Path) -> None:
    text = _read(ca, "GANTRY_TLS_CA")
    if "-----BEGIN CERTIFICATE-----" not in text:
        raise BadTlsFile(f"{ca} (GANTRY_TLS_CA) holds no certificate in PEM form.")
    try:
        context.load_verify_locations(cadata=text)
    except (ssl.SSLError, ValueError) as error:
        raise BadTlsFile(f"{ca} (GANTRY_TLS_CA) cannot be used: {refusal_in_words(error)}.") from error
    now = datetime.now(UTC)
    ends = [_moment(found) for found in context.get_ca_certs()]
    if ends and context.cert_store_stats()["x509"] == len(ends) and all(end < now for end in ends):
        raise BadTlsFile(f"Every certificate in {ca} (GANTRY_TLS_CA) has expired.")


def _prove(cert: Path, key: Path, *, is_server: bool) -> datetime:
    """Shake hands with ourselves, in memory: what a peer would refuse is found at the start, and with its name."""
    server, client = _by_bcp_195(ssl.PROTOCOL_TLS_SERVER), _by_bcp_195(ssl.PROTOCOL_TLS_CLIENT)
    _load_pair(server, cert, key)
    client.check_hostname = False
    client.load_verify_locations(cadata=_first_certificate(_read(cert, "GANTRY_TLS_CERT")))
    try:
        decoded = _shake_hands(server, client)
    except ssl.SSLCertVerificationError as error:
        if error.verify_code == _CERTIFICATE_EXPIRED:
            raise BadTlsFile(
                f"The certificate in {cert} (GANTRY_TLS_CERT) has expired; put a new one there."
            ) from error
        if error.verify_code == _CERTIFICATE_NOT_YET_VALID:
            raise BadTlsFile(
                f"The certificate in {cert} (GANTRY_TLS_CERT) is not valid yet; is this machine's clock right?"
            ) from error
        if error.verify_code == _WRONG_PURPOSE and not is_server:
            return datetime.max.replace(tzinfo=UTC)
        raise BadTlsFile(f"Peers would refuse {cert} (GANTRY_TLS_CERT): {refusal_in_words(error)}.") from error
    except ssl.SSLError as error:
        raise BadTlsFile(f"{cert} (GANTRY_TLS_CERT) cannot be used: {refusal_in_words(error)}.") from error
    return _moment(decoded)


def _shake_hands(server: ssl.SSLContext, client: ssl.SSLContext) -> dict[str, Any]:
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    caller = client.wrap_bio(to_client, to_server)
    answerer = server.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(10):  # three are enough
        waiting = 0
        for side in (caller, answerer):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                waiting += 1
        if not waiting:
            return caller.getpeercert() or {}
    raise ssl.SSLError("the handshake does not end")


def _first_certificate(text: str) -> str:
    end = "-----END CERTIFICATE-----"
    return text[text.index("-----BEGIN CERTIFICATE-----") :].partition(end)[0] + end + "\n"


def _moment(decoded: dict[str, Any]) -> datetime:
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(decoded["notAfter"]), UTC)


def _read(path: Path, variable: str) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError as error:
        raise BadTlsFile(f"{path} ({variable}) cannot be read ({error.strerror}).") from error


def _signature(path: Path | None) -> tuple[int, int, int] | None:
    if path is None:
        return None
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
