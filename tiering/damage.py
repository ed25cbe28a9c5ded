"""Damage as rows: found once however often it is seen, tried again later, and closed when it is repaired."""

import logging
from collections.abc import Collection
from typing import Any

from django.utils import timezone

from studies.models import Instance, Tier
from tiering.metrics import DAMAGE_FOUND, DAMAGE_REPAIRED
from tiering.models import Damage, Pack, PackState

logger = logging.getLogger(__name__)
HOT_STORE = "hot store"
TEXT_LENGTH = 400


def mark_damaged(pack: Pack, reason: str) -> None:
    """No copy in it is relied on from now on."""
    Pack.objects.filter(pk=pack.pk).exclude(state=PackState.REMOVING).update(
        state=PackState.DAMAGED, note=reason[:TEXT_LENGTH]
    )
    logger.error("a pack is damaged", extra={"pack": pack.pk, "reason": reason})


def damage_of_file(instance: Instance, what: str) -> Damage:
    """The open damage of a file in the hot store."""
    return _open(Tier.HOT, what, instance=instance, pack=None, where=HOT_STORE, name=instance.location)


def damage_of_pack(pack: Pack, what: str) -> Damage:
    """The open damage of a pack."""
    return _open(pack.location.tier, what, instance=None, pack=pack, where=pack.location.name, name=pack.key)


def lost_in_pack(pack: Pack, instance: Instance) -> Damage:
    """The open damage of an instance that is right nowhere, and of which a damaged pack has what is left."""
    what = "It is damaged in the pack, and no other copy is what was acknowledged."
    return _open(pack.location.tier, what, instance=instance, pack=pack, where=pack.location.name, name=pack.key)


def tried(damage: Damage, note: str) -> None:
    """It could not be repaired now."""
    Damage.objects.filter(pk=damage.pk).update(tried_at=timezone.now(), note=note[:TEXT_LENGTH])
    logger.error("damage not repaired", extra={"damage": damage.pk, "reason": note})


def repaired(damage: Damage, note: str) -> None:
    """It is what was acknowledged again."""
    tier = damage.pack.location.tier if damage.pack else Tier.HOT
    if Damage.objects.filter(pk=damage.pk, repaired_at=None).update(
        repaired_at=timezone.now(), note=note[:TEXT_LENGTH]
    ):
        DAMAGE_REPAIRED.labels(tier).inc()
        logger.warning("damage repaired", extra={"damage": damage.pk, "reason": note})


def files_found_right(instance_pks: Collection[int]) -> None:
    """Files that were read and were right: somebody may have put them back."""
    for damage in Damage.objects.filter(instance__in=instance_pks, pack=None, repaired_at=None):
        repaired(damage, "It was found right again.")


def _open(tier: str, what: str, *, instance: Instance | None, pack: Pack | None, **more: Any) -> Damage:
    damage, is_new = Damage.objects.get_or_create(
        instance=instance, pack=pack, repaired_at=None, defaults={"what": what[:TEXT_LENGTH], **more}
    )
    if is_new:
        DAMAGE_FOUND.labels(tier).inc()
        logger.error(
            "stored bytes are damaged",
            extra={
                "damage": damage.pk,
                "instance": instance.pk if instance else None,
                "pack": pack.pk if pack else None,
                "reason": what,
            },
        )
    return damage
