"""Passwords and tokens of services, encrypted at rest under keys that are not in the database.

A secret belongs to the place that it was entered for: whoever changes the address of a service does not get its
password sent there.
"""

import hashlib
from base64 import urlsafe_b64encode

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.utils.translation import gettext as _

MAXIMUM_SECRET_BYTES = 1_400  # what fits into the column when it is encrypted
_PLACE_BYTES = 16


class SecretUnusable(Exception):
    """A stored secret cannot be used; the message says what to do, and nothing of the secret."""


def seal(secret: str, *, place: str) -> str:
    """Encrypt a secret for one place.

    Args:
        secret: at most MAXIMUM_SECRET_BYTES in UTF-8.
        place: what it may be sent to, such as ``https://pacs.example:443``.
    """
    return _cipher().encrypt(_digest(place) + secret.encode()).decode()


def unseal(sealed: str, *, place: str) -> str:
    """The secret that was sealed for this place.

    Raises:
        SecretUnusable: the key that encrypted it is gone, or it was entered for another place.
    """
    try:
        opened = _cipher().decrypt(sealed.encode())
    except InvalidToken:
        raise SecretUnusable(
            "its password cannot be decrypted: the key that encrypted it is not among GANTRY_ENCRYPTION_KEYS; "
            "put that key back, or enter the password again"
        ) from None
    if opened[:_PLACE_BYTES] != _digest(place):
        raise SecretUnusable("its password was entered for another address: enter it again for this one")
    return opened[_PLACE_BYTES:].decode()


def resealed(stored: str, entered: str, *, place: str) -> str:
    """The sealed secret of a service that is saved: the one that was entered, else the one that it has.

    Raises:
        SecretUnusable: it has one, but not for this place.
    """
    if entered:
        return seal(entered, place=place)
    if stored:
        unseal(stored, place=place)
    return stored


def secret_problem(secret: str) -> str:
    """What is wrong with a password or token that was entered; empty when nothing is."""
    if len(secret.encode()) > MAXIMUM_SECRET_BYTES:
        return _("It may have at most %(maximum)s bytes.") % {"maximum": MAXIMUM_SECRET_BYTES}
    if not secret.isprintable():
        return _("It has a line break or another character that cannot be printed; was it copied whole?")
    return ""


def rotated(sealed: str) -> str:
    """The same secret under the first key, so that the others may be thrown away.

    Raises:
        SecretUnusable: no key decrypts it.
    """
    try:
        return _cipher().rotate(sealed.encode()).decode()
    except InvalidToken:
        raise SecretUnusable("no key decrypts it") from None


def _cipher() -> MultiFernet:
    return MultiFernet([Fernet(_fernet_key(key)) for key in settings.GANTRY.encryption_keys])


def _fernet_key(text: str) -> bytes:
    derived = HKDF(SHA256(), length=32, salt=None, info=b"gantry: secrets of destinations").derive(text.encode())
    return urlsafe_b64encode(derived)


def _digest(place: str) -> bytes:
    return hashlib.sha256(place.encode()).digest()[:_PLACE_BYTES]
