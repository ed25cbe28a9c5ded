"""The stored secrets of tiers, all at once: secret keys of buckets, and the keys of packs."""

from dataclasses import dataclass, field

from dicomnet.web.secrets import SecretUnusable, rotated
from tiering.errors import StoreError
from tiering.keys import rewrapped, write_object
from tiering.models import DataKey, Location


@dataclass
class Rotated:
    """What became of them.

    Attributes:
        count: how many are under the first key now.
        lost: locations whose secret key no key decrypts.
        not_written: of keys of packs, why each is not under the first key, or not in its location.
    """

    count: int = 0
    lost: list[str] = field(default_factory=list)
    not_written: list[str] = field(default_factory=list)


def encrypt_anew() -> Rotated:
    """Encrypt every stored secret under the first key, so that the others may be thrown away."""
    done = Rotated()
    for location in Location.objects.exclude(secret_key=""):
        try:
            fresh = rotated(location.secret_key)
        except SecretUnusable:
            done.lost.append(location.name)
            continue
        # Only if nobody entered another one meanwhile.
        same = Location.objects.filter(pk=location.pk, secret_key=location.secret_key)
        done.count += same.update(secret_key=fresh)
    for key in DataKey.objects.select_related("location"):
        try:
            _wrap_anew(key)
        except StoreError as error:
            done.not_written.append(f"{key.location.name}: {error}")
        else:
            done.count += 1
    return done


def _wrap_anew(key: DataKey) -> None:
    """In the row first: what is there opens what is in the location, should this end in between."""
    key.wrapped = rewrapped(key)
    DataKey.objects.filter(pk=key.pk).update(wrapped=key.wrapped)
    write_object(key)
