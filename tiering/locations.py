"""What a location needs and takes, what is wrong with one, and whether it works."""

import secrets
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from dicomnet.web import s3
from dicomnet.web.addresses import BadAddress, parse_url
from dicomnet.web.settled import Settled, settled
from studies.folders import folder_problem
from studies.models import Tier
from tiering.errors import TierError
from tiering.keys import key_to_write_with, opened
from tiering.models import Location, LocationKind, RestoreSpeed, StorageClass
from tiering.stores.choose import open_store

_WHERE = ("kind", "tier", "path", "bucket", "endpoint_url")
_OF_S3 = ("bucket", "endpoint_url", "region", "access_key", "storage_class")


def settle(before: Location, given: Mapping[str, Any], *, entered: str) -> Settled:
    """Check a location before it is saved, and seal its secret key.

    Args:
        before: as it is stored, or a new one.
        given: the fields that it is to have instead.
        entered: a new secret key; empty keeps the one that it has, where it is for the same place.
    """
    values = {field.name: getattr(before, field.name) for field in Location._meta.fields} | dict(given)
    stored = before.secret_key
    problems = dict(_problems(values, has_secret=bool(entered or stored)))
    moved = [name for name in _WHERE if values[name] != getattr(before, name)]
    if moved and before.pk and before.packs.exists():
        problems.setdefault(moved[0], _("It holds copies, so it stays where it is; make another one."))
    return settled(
        problems,
        takes_secret=values["kind"] == LocationKind.S3,
        stored=stored,
        entered=entered,
        place=lambda: parse_url(s3.endpoint_of(values["endpoint_url"], values["region"])).origin,
        field="secret_key",
    )


def _problems(values: Mapping[str, Any], *, has_secret: bool) -> Iterable[tuple[str, str]]:
    if values["tier"] == Tier.HOT:
        yield "tier", _("The hot tier is the folder that receives (GANTRY_STORAGE); choose cold or archive.")
    if values["kind"] == LocationKind.FILESYSTEM:
        if words := folder_problem(values["path"]):
            yield "path", words
        for name in _OF_S3:
            if values[name]:
                yield name, _("A folder has no such field; leave it out.")
        return
    yield from s3.problems_of(values["bucket"], values["region"], values["path"])
    if not values["access_key"]:
        yield "access_key", _("This is needed.")
    if not has_secret:
        yield "secret_key", _("This is needed.")
    if (values["storage_class"], values["restore_speed"]) == (StorageClass.DEEP_ARCHIVE, RestoreSpeed.EXPEDITED):
        yield "restore_speed", _("Nothing comes from the deep archive that quickly; choose Standard or Bulk.")
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
    """Write a small object, read it back and remove it; of one that is encrypted, have its key at hand."""
    began = time.monotonic()
    content = secrets.token_bytes(1024)
    try:
        if location.is_encrypted:
            opened(key_to_write_with(location))
        store = open_store(location)
        key = f".gantry-test-{secrets.token_hex(8)}"
        store.write(key, [content])
        is_same = b"".join(store.read(key)) == content
        store.remove(key)
        words = "" if is_same else _("It gave back other bytes than it was given.")
    except TierError as error:
        words = str(error)
    milliseconds = (time.monotonic() - began) * 1000
    return Trial(not words, milliseconds, words or _("Written, read back and removed."))
