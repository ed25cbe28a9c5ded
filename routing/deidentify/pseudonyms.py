"""Pseudonyms that follow from the old value by a keyed hash: the same everywhere, and not to be undone without the key.

The key is HKDF-SHA256 (RFC 5869) of Django's SECRET_KEY, or of the file ``secrets/pseudonym_key`` under GANTRY_HOME
where there is one. From it and the name of the project each project gets a key of its own.
"""

import hashlib
import hmac
import uuid
from dataclasses import dataclass
from functools import lru_cache

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

KEY_FILE = "pseudonym_key"
MINIMUM_KEY_BYTES = 32
MAXIMUM_SHIFT_DAYS = 3650
_PURPOSE = b"gantry pseudonyms 1"
_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # none that are taken for each other on paper


class BadKey(Exception):
    """The key file cannot be used; the message says what to do."""


@dataclass(frozen=True)
class Pseudonyms:
    """What stands for the real identifiers within one project.

    Attributes:
        key: the project's.
    """

    key: bytes

    def uid(self, uid: str) -> str:
        """A UID in its place (PS3.5 B.2: a UUID under 2.25)."""
        digest = self._digest("uid", uid)
        return f"2.25.{uuid.UUID(bytes=digest[:16], version=4).int}"

    def patient_id(self, patient: str) -> str:
        """Sixteen letters and digits in place of what identifies the patient."""
        return "".join(_LETTERS[byte % len(_LETTERS)] for byte in self._digest("patient", patient)[:16])

    def word(self, kind: str, value: str) -> str:
        """Eight letters and digits in place of some other identifier of one kind."""
        return "".join(_LETTERS[byte % len(_LETTERS)] for byte in self._digest(kind, value)[:8])

    def days(self, patient: str) -> int:
        """By how many days this patient's dates are moved to the past, at least one."""
        return 1 + int.from_bytes(self._digest("days", patient)[:8], "big") % MAXIMUM_SHIFT_DAYS

    def _digest(self, kind: str, value: str) -> bytes:
        return hmac.digest(self.key, f"{kind}\0{value}".encode(), "sha256")


def pseudonyms_of(project: str) -> Pseudonyms:
    """The pseudonyms of a project; an empty name is a project too.

    Raises:
        BadKey: the key file is there and cannot be used.
    """
    return _derived(_secret(), project)


def new_uid(uid: str, project: str = "") -> str:
    """The UID that the actions new_uids and deidentify put in the place of this one in a project."""
    return pseudonyms_of(project).uid(uid)


def _secret() -> bytes:
    path = settings.GANTRY.secrets_dir / KEY_FILE
    try:
        kept: bytes = path.read_bytes().strip()
    except FileNotFoundError:
        secret: str = settings.SECRET_KEY
        return secret.encode()
    except OSError as error:
        raise BadKey(f"the key of pseudonyms cannot be read ({error.strerror}): correct secrets/{KEY_FILE}") from error
    if len(kept) < MINIMUM_KEY_BYTES:
        raise BadKey(f"the key of pseudonyms in secrets/{KEY_FILE} is shorter than {MINIMUM_KEY_BYTES} bytes")
    return kept


@lru_cache(maxsize=64)
def _derived(secret: bytes, project: str) -> Pseudonyms:
    salt = hashlib.sha256(project.encode()).digest()
    return Pseudonyms(HKDF(algorithm=SHA256(), length=32, salt=salt, info=_PURPOSE).derive(secret))
