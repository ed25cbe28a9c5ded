"""Keys that encrypt packs: made at random for a location, and kept only wrapped by a key from outside the database.

A wrapped key is in a row and in a small object in its location, so that the location and GANTRY_ENCRYPTION_KEYS are
enough to read everything in it.
"""

import json
import secrets
from base64 import b64decode, b64encode
from datetime import datetime

from dicomnet.web.secrets import SecretUnusable, seal, unseal
from tiering.chunked.guard import KEY_BYTES
from tiering.errors import KeyMissing, ObjectGone
from tiering.models import DataKey, Location
from tiering.stores.choose import open_store

FOLDER = "gantry-keys/"
_LARGEST_OBJECT = 10_000
_WHAT = "A key of the packs in this location, wrapped by one of GANTRY_ENCRYPTION_KEYS. Without it they are lost."


def key_to_write_with(location: Location) -> DataKey:
    """The latest key of a location, the first one if it has none; its object is there when this returns.

    Raises:
        StoreError: the location cannot be used now, or the key is not at hand.
    """
    key = DataKey.objects.filter(location=location).last()
    if key is None:
        return new_key(location)
    if open_store(location).size(object_name(key.ident)) is None:
        write_object(key)
    return key


def new_key(location: Location) -> DataKey:
    """Make one, which packs are encrypted under from now on.

    Raises:
        StoreError: the location cannot be used now.
    """
    key = DataKey(location=location, ident=secrets.token_hex(16))
    key.wrapped = _wrapped(secrets.token_bytes(KEY_BYTES), key.ident)
    write_object(key)  # first: a pack under a key whose object is missing could not be read from the location alone
    key.save()
    return key


def opened(key: DataKey) -> bytes:
    """The key itself, 32 bytes.

    Raises:
        KeyMissing: nothing that is at hand opens it.
        StoreError: the location cannot be read now, and the row does not open.
    """
    try:
        return _unwrapped(key.wrapped, key.ident)
    except SecretUnusable:
        pass
    # A database from before the keys were changed: what is in the location may be under the new one.
    stored = read_object(key.location, key.ident)
    found = _unwrapped_or_missing(stored)
    DataKey.objects.filter(pk=key.pk, wrapped=key.wrapped).update(wrapped=stored.wrapped)
    return found


def key_named(location: Location, ident: str) -> DataKey:
    """The row of a key that a pack names, made from its object where there is none.

    Raises:
        KeyMissing: the object is missing too, or nothing that is at hand opens it.
        StoreError: the location cannot be read now.
    """
    known = DataKey.objects.filter(location=location, ident=ident).first()
    if known is not None:
        return known
    stored = read_object(location, ident)
    _unwrapped_or_missing(stored)
    return DataKey.objects.get_or_create(
        location=location, ident=ident, defaults={"wrapped": stored.wrapped, "created_at": stored.created_at}
    )[0]


def object_problem(key: DataKey) -> str:
    """What is wrong with the object of a key; empty when nothing is.

    Raises:
        StoreError: the location cannot be read now, or the key is not at hand.
    """
    expected = opened(key)
    try:
        stored = read_object(key.location, key.ident)
        return "" if _unwrapped(stored.wrapped, key.ident) == expected else "it holds another key"
    except (KeyMissing, SecretUnusable):
        return "it is missing, damaged, or under a key that is not at hand"


def write_object(key: DataKey) -> None:
    """Put a wrapped key into its location, in the place of what is there.

    Raises:
        StoreError: the location cannot be written now.
    """
    content = {"what": _WHAT, "id": key.ident, "made_at": key.created_at.isoformat(), "wrapped": key.wrapped}
    open_store(key.location).write(object_name(key.ident), [json.dumps(content, indent=1).encode() + b"\n"])


def read_object(location: Location, ident: str) -> DataKey:
    """A key as its location has it; not saved.

    Raises:
        KeyMissing: it has no such object, or another one.
        StoreError: it cannot be read now.
    """
    name = object_name(ident)
    try:
        content = json.loads(b"".join(open_store(location).read(name, 0, _LARGEST_OBJECT)))
        made_at = datetime.fromisoformat(content["made_at"])
        return DataKey(location=location, ident=ident, wrapped=str(content["wrapped"]), created_at=made_at)
    except (ObjectGone, ValueError, TypeError, KeyError) as error:
        raise KeyMissing(
            f"{location.name} has packs under a key whose object {name} is missing or damaged, and which this gateway "
            "does not have: put it back from a copy of the location"
        ) from error


def object_name(ident: str) -> str:
    """Where the wrapped key is in its location."""
    return f"{FOLDER}{ident}.json"


def rewrapped(key: DataKey) -> str:
    """The key, wrapped by the first of GANTRY_ENCRYPTION_KEYS.

    Raises:
        StoreError: nothing that is at hand opens it, or the location cannot be read now.
    """
    return _wrapped(opened(key), key.ident)


def _wrapped(key: bytes, ident: str) -> str:
    return seal(b64encode(key).decode(), place=_place(ident))


def _unwrapped(wrapped: str, ident: str) -> bytes:
    return b64decode(unseal(wrapped, place=_place(ident)))


def _unwrapped_or_missing(key: DataKey) -> bytes:
    try:
        return _unwrapped(key.wrapped, key.ident)
    except SecretUnusable as error:
        raise KeyMissing(
            f"packs in {key.location.name} are encrypted, and no key of GANTRY_ENCRYPTION_KEYS opens theirs: put the "
            "key back that was in use when they were written, there or in secrets/encryption_keys, and restart"
        ) from error


def _place(ident: str) -> str:
    return f"gantry data key {ident}"
