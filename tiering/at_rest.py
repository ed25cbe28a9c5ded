"""Packs in cold storage of their S3 service: what is known of them without reading, and having them brought back."""

from collections.abc import Iterable

from tiering.errors import PackDamaged, StoreError
from tiering.models import Pack
from tiering.restore_times import usual_time
from tiering.stores.choose import open_cold_storage
from tiering.stores.cold_storage import Found


def ask_back(packs: Iterable[Pack]) -> str:
    """Have what is in cold storage brought back, each once however often this is called; what to tell people of it.

    Raises:
        StoreError: a service does not take the request now.
    """
    slowest, words = -1, "It can be read now."
    for pack in packs:
        storage = open_cold_storage(pack.location)
        found = storage.look(pack.key)
        if found is None or found.is_readable:
            continue
        Pack.objects.filter(pk=pack.pk).update(storage_class=found.storage_class)
        if not found.is_coming:
            storage.ask_for(pack.key, days=pack.location.restore_days, speed=pack.location.restore_speed)
        seconds, usually = usual_time(found.storage_class, pack.location)
        if seconds > slowest:
            slowest = seconds
            words = f"{pack.location} has it in cold storage and was asked for it; usually ready within {usually}."
    return words


def ask_about(pack: Pack) -> str:
    """Compare a pack that is in cold storage with what is known of it, by what the service says; how it was done.

    Raises:
        PackDamaged: it is gone, or another object.
        StoreError: it was never read back, so nothing is known of it; or the service does not answer.
    """
    if pack.verified_at is None:
        raise StoreError(
            f"{pack.location} puts what is written into cold storage at once, so it cannot be read back: "
            "choose the storage class in Gantry instead of in the bucket"
        )
    found = open_cold_storage(pack.location).look(pack.key)
    return compare(pack, found)


def compare(pack: Pack, found: Found | None) -> str:
    """Whether what a service says of an object is what is known of its pack; by what it was compared.

    Raises:
        PackDamaged: it is not.
    """
    if found is None or found.size_bytes != pack.size_bytes:
        there = f"{found.size_bytes} bytes" if found else "no object"
        raise PackDamaged(f"it has {there}, not {pack.size_bytes} bytes")
    if not found.sha256 or not pack.sha256:
        return "In cold storage: not read, its size is as the service says."
    if found.sha256 != pack.sha256:
        raise PackDamaged("the service names another SHA-256 than that of the object that was read back")
    return "In cold storage: not read, its SHA-256 is as the service says."
