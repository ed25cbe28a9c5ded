"""Syslog messages by RFC 5424, one after the other on a stream by octet counting (RFC 5425 4.3, RFC 6587 3.4.1)."""

import re

PRIORITY = 10 * 8 + 5  # security and authorization, normal but significant (PS3.15 A.6)
APP_NAME, MESSAGE_ID, NIL = "gantry", "DICOM+RFC3881", "-"
BOM = b"\xef\xbb\xbf"
_NOT_PRINTABLE = re.compile("[^\x21-\x7e]")


def framed(content: bytes, *, at: str, host: str, process: str) -> bytes:
    """One message with its length before it.

    Args:
        content: an audit message, in UTF-8.
        at: when, as RFC 3339 writes it, with at most six digits of a second.
        host: who says it.
        process: its name or number.
    """
    header = " ".join((f"<{PRIORITY}>1", at, _name(host, 255), APP_NAME, _name(process, 128), MESSAGE_ID, NIL))
    message = header.encode() + b" " + BOM + content
    return str(len(message)).encode() + b" " + message


def _name(text: str, length: int) -> str:
    return _NOT_PRINTABLE.sub("_", text)[:length] or NIL
