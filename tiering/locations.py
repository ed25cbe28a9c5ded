"""What a location needs and takes, what is wrong with one, and whether it works."""

import secrets
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from dicomnet.web import s3
from dicomnet.web.addresses import BadAddress, parse_url
from dicomnet.web.secrets import SecretUnusable, resealed, secret_problem
from studies.folders import folder_problem
from studies.models import Tier
from tiering.errors import TierError
from tiering.models import Location, LocationKind
from tiering.stores.choose import open_store

_OF_S3 = ("bucket", "endpoint_url", "region", "access_key")


@dataclass(frozen=True)
class Settled:
    """A location that may be saved, or what is wrong with it.

    Attributes:
        problems: by field.
        secret_key: sealed, to be stored.
    """

    problems: dict[str, str]
    secret_key: str = ""


def settle(values: Mapping[str, Any], *, stored: str, entered: str, is_in_use: bool) -> Settled:
    """Check a location before it is saved, and seal its secret key.

    Args:
        values: every field but the secret key, as it is to be.
        stored: the sealed secret key that it has.
        entered: the new one; empty keeps the other, where it is for the same place.
        is_in_use: it holds packs, so where it is does not change any more.
    """
    problems = dict(_problems(values, has_secret=bool(entered or stored)))
    if entered and (words := secret_problem(entered)):
        problems.setdefault("secret_key", words)
    if is_in_use and values.get("moved_by"):
        problems.setdefault(values["moved_by"], "It holds copies, so it stays where it is; make another one.")
    if problems or values["kind"] != LocationKind.S3:
        return Settled(problems)
    try:
        place = parse_url(s3.endpoint_of(values["endpoint_url"], values["region"])).origin
        return Settled({}, resealed(stored, entered, place=place))
    except SecretUnusable as error:
        words = str(error)
        return Settled({"secret_key": f"{words[0].upper()}{words[1:]}."})


def _problems(values: Mapping[str, Any], *, has_secret: bool) -> Iterable[tuple[str, str]]:
    if values["tier"] == Tier.HOT:
        yield "tier", "The hot tier is the folder that receives (GANTRY_STORAGE); choose cold or archive."
    if values["kind"] == LocationKind.FILESYSTEM:
        if words := folder_problem(values["path"]):
            yield "path", words
        for name in _OF_S3:
            if values[name]:
                yield name, "A folder has no such field; leave it out."
        return
    yield from s3.problems_of(values["bucket"], values["region"], values["path"])
    if not values["access_key"]:
        yield "access_key", "This is needed."
    if not has_secret:
        yield "secret_key", "This is needed."
    try:
        parse_url(s3.endpoint_of(values["endpoint_url"], values["region"]))
    except BadAddress as error:
        yield "endpoint_url", str(error)


@dataclass(frozen=True)
class Trial:
    """What became of a small object that was written, read and removed.

    Attributes:
        words: what went wrong, or that nothing did.
    """

    is_usable: bool
    milliseconds: float
    words: str


def try_out(location: Location) -> Trial:
    """Write a small object, read it back and remove it."""
    began = time.monotonic()
    content = secrets.token_bytes(1024)
    try:
        store = open_store(location)
        key = f".gantry-test-{secrets.token_hex(8)}"
        store.write(key, [content])
        is_same = b"".join(store.read(key)) == content
        store.remove(key)
        words = "" if is_same else "It gave back other bytes than it was given."
    except TierError as error:
        words = str(error)
    milliseconds = (time.monotonic() - began) * 1000
    return Trial(not words, milliseconds, words or "Written, read back and removed.")
