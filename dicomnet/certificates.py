"""Certificates that callers present, and what an allowlist entry may ask of them (PS3.15 B.12)."""

import re
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

FINGERPRINT_LENGTH = 64  # hexadecimal digits of SHA-256
LONGEST_NAME = 255


class BadCertificateName(ValueError):
    """The text names no certificate; the message is for the person who typed it."""


@dataclass(frozen=True)
class PeerCertificate:
    """The verified certificate of a connection's other end.

    Attributes:
        common_name: of the subject; empty when it has none.
        names: subject alternative names of the kinds DNS, IP address, URI and e-mail.
        fingerprint: SHA-256 over the DER form, 64 hexadecimal digits in lower case.
    """

    common_name: str
    names: tuple[str, ...]
    fingerprint: str

    def is_one_of(self, wanted: frozenset[str]) -> bool:
        """Whether one of these fingerprints or names is this certificate's.

        Names are compared without regard to case, as DNS and X.520 do, and never as patterns.
        """
        own = {name.casefold() for name in (self.common_name, *self.names) if name}
        return self.fingerprint in wanted or any(name.casefold() in own for name in wanted)


def from_peer(der: bytes, decoded: dict[str, Any]) -> PeerCertificate:
    """From both forms in which ``ssl`` gives a verified certificate."""
    common_names = [
        value for part in decoded.get("subject", ()) for attribute, value in part if attribute == "commonName"
    ]
    kinds = {"DNS", "IP Address", "URI", "email"}
    return PeerCertificate(
        common_name=common_names[-1] if common_names else "",  # the last is the most specific
        names=tuple(value for kind, value in decoded.get("subjectAltName", ()) if kind in kinds),
        fingerprint=sha256(der).hexdigest(),
    )


def normal_name(text: str) -> str:
    """A fingerprint in the form that is compared, or a name as it is.

    Args:
        text: SHA-256 fingerprint with or without colons and ``sha256 Fingerprint=`` before it, as openssl prints it,
            or the common name or a subject alternative name.

    Raises:
        BadCertificateName: neither.
    """
    name = text.strip()
    bare = re.sub(r"^sha-?256( fingerprint)?\s*[=:]\s*", "", name, flags=re.IGNORECASE)
    digits = bare.replace(":", "").replace(" ", "").lower()
    if re.fullmatch(r"[0-9a-f]+", digits) and (":" in bare or len(digits) in {40, FINGERPRINT_LENGTH}):
        if len(digits) != FINGERPRINT_LENGTH:
            raise BadCertificateName(
                f"“{name}” is not a SHA-256 fingerprint: that has {FINGERPRINT_LENGTH} hexadecimal digits, "
                f"this has {len(digits)}. Print it with: openssl x509 -noout -fingerprint -sha256 -in FILE"
            )
        return digits
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise BadCertificateName(
            "Enter a SHA-256 fingerprint, or a name that stands in the certificate "
            f"(common name or subject alternative name, at most {LONGEST_NAME} characters)."
        )
    return name
