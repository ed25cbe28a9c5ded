"""Failures of TLS in words that tell a person what to change (RFC 8446 6.2, RFC 5280 6)."""

import ssl

_VERIFY = {  # X509_V_ERR_..., of the peer's certificate
    9: "its certificate is not valid yet (is a clock wrong?)",
    10: "its certificate has expired",
    18: "its certificate is signed by itself, and GANTRY_TLS_CA does not hold it",
    19: "its certificate ends in a CA that GANTRY_TLS_CA does not hold",
    20: "its certificate is from a CA that GANTRY_TLS_CA does not hold",
    21: "its certificate cannot be verified: an intermediate certificate is missing",
    26: "its certificate is for another purpose (its extended key usage lacks this one)",
    62: "its certificate is for another host name",
    64: "its certificate is for another address",
    66: "the key of its certificate is too short (RSA needs 2048 bits)",
    67: "the key of a CA certificate is too short (RSA needs 2048 bits)",
    68: "its certificate is signed with a digest that is too weak (SHA-1 or MD5)",
}
_REASONS = {  # by OpenSSL's name, without the version of its library
    "WRONG_VERSION_NUMBER": "it does not speak TLS on this port",
    "HTTP_REQUEST": "it does not speak TLS on this port",
    "UNEXPECTED_EOF_WHILE_READING": "it closed the connection during the handshake; does it speak TLS on this port?",
    "UNSUPPORTED_PROTOCOL": "it has no TLS 1.2 or later",
    "TLSV1_ALERT_PROTOCOL_VERSION": "it takes none of TLS 1.2 and 1.3",
    "SSLV3_ALERT_HANDSHAKE_FAILURE": "it shares no cipher suite, or wants a certificate of ours",
    "NO_SHARED_CIPHER": "it offers no cipher suite with ephemeral keys and authenticated encryption",
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": "it wants a certificate of ours: set GANTRY_TLS_CERT and GANTRY_TLS_KEY",
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": "it showed no certificate",
    "TLSV1_ALERT_UNKNOWN_CA": "it does not know the CA of our certificate",
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": "it says that our certificate has expired",
    "SSLV3_ALERT_CERTIFICATE_REVOKED": "it says that our certificate is revoked",
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": "it does not take our certificate",
    "SSLV3_ALERT_BAD_CERTIFICATE": "it does not take our certificate",
    "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE": "it does not take a certificate of our kind",
    "TLSV1_ALERT_ACCESS_DENIED": "it does not let our certificate in",
    "EE_KEY_TOO_SMALL": "the key of the certificate is too short (RSA needs 2048 bits)",
    "CA_KEY_TOO_SMALL": "the key of a CA certificate is too short (RSA needs 2048 bits)",
    "CA_MD_TOO_WEAK": "it is signed with a digest that is too weak (SHA-1 or MD5)",
    "EE_MD_TOO_WEAK": "it is signed with a digest that is too weak (SHA-1 or MD5)",
}


def failure_in_words(error: OSError) -> str:
    """Why no TLS came about with a peer, to follow “TLS with the peer failed: ”."""
    if isinstance(error, TimeoutError):
        return "it did not answer the handshake in time; does it speak TLS on this port?"
    if isinstance(error, ConnectionResetError | BrokenPipeError):
        return "it closed the connection during the handshake; does it speak TLS on this port?"
    return refusal_in_words(error)


def refusal_in_words(error: Exception) -> str:
    """OpenSSL's reason in words; its own words for a reason that this table does not know."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return _VERIFY.get(error.verify_code, f"its certificate cannot be verified ({error.verify_message})")
    reason = getattr(error, "reason", None)
    if isinstance(error, ssl.SSLEOFError):
        reason = "UNEXPECTED_EOF_WHILE_READING"
    if not reason:
        return getattr(error, "strerror", None) or str(error)
    return _REASONS.get(reason, str(reason).replace("_", " ").lower())
