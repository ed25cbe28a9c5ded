"""UIDs that follow from a name: the same seed makes the same studies (PS3.5 B.2)."""

from hashlib import sha256
from uuid import UUID

from pydicom.uid import UID


def lab_uid(*parts: str | int) -> UID:
    """A UID under 2.25 made from these parts; other parts give another UID."""
    digest = sha256("/".join(str(part) for part in parts).encode()).digest()
    return UID(f"2.25.{UUID(bytes=digest[:16], version=4).int}")
