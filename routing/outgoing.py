"""What is sent for a delivery: the stored file as it is, or a copy changed as the delivery's rule says.

Copies stand in ``outgoing/`` under GANTRY_HOME, in a folder for each batch, under names that are random, and are gone
when the batch is. Whoever uses a folder holds a lock on it, which ends with the process; what is not locked, a lost
worker has left.
"""

import fcntl
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings
from django.db.models import prefetch_related_objects

from dicomnet.part10 import NotPart10
from dicomnet.scu.outgoing import Outgoing
from routing.action_types import BadAction, Change
from routing.actions import changes_of, parse_actions
from routing.batch import Batch
from routing.models import Delivery, RuleVersion
from routing.morph import CannotChange, morph
from studies.integrity import path_of
from studies.models import Instance, Tier
from studies.wanted import want

MAXIMUM_COPIES_BYTES = 2 << 30  # of one batch

if TYPE_CHECKING:
    from routing.transports.outcome import Outcome  # whose package imports this module


ByVersion = dict[int | None, tuple[Change, ...] | CannotChange]


@dataclass(frozen=True)
class OutgoingFiles:
    """What a batch of deliveries comes to.

    Attributes:
        ready: what is sent, and for which delivery.
        failed: deliveries for which nothing may be sent, with the reason.
    """

    ready: dict[Outgoing, Delivery]
    failed: "list[Outcome]"

    def while_they_may_go(self, batch: Batch) -> Iterator[tuple[Outgoing, Delivery]]:
        """What is ready, each when its lane lets it go; ends early when the batch is cut."""
        return takewhile(lambda pair: batch.may_go(pair[1]), self.ready.items())


@contextmanager
def outgoing(deliveries: Sequence[Delivery]) -> Iterator[OutgoingFiles]:
    """The files that go out for these deliveries; changed copies are there until the end of the ``with``.

    A copy that cannot be made fails its own delivery and no other; what is to be changed is never sent unchanged. Of
    copies that would fill the disk only some are made: the other deliveries are in neither part, and due again.

    Args:
        deliveries: their instances and rule versions are all that counts of them; they need not be saved.
    """
    away = [delivery for delivery in deliveries if _is_away(delivery.instance)]
    here = [delivery for delivery in deliveries if delivery not in away] if away else deliveries
    prefetch_related_objects([delivery for delivery in here if delivery.rule_version_id], "rule_version")
    by_version = _changes_by_version(here)
    changed = [delivery for delivery in here if by_version.get(delivery.rule_version_id)]
    as_it_is = [delivery for delivery in here if not by_version.get(delivery.rule_version_id)]
    batch = OutgoingFiles({outgoing_of(delivery): delivery for delivery in as_it_is}, _recalled(away))
    with ExitStack() as stack:
        if changed:
            try:
                folder = stack.enter_context(_own_folder())
            except OSError as error:
                reason = CannotChange(f"no changed copy can be made: {error.strerror}", is_permanent=False)
                batch.failed.extend(_failure(delivery, reason) for delivery in changed)
            else:
                _make_copies(changed, by_version, folder, batch)
        yield batch


def _is_away(instance: Instance) -> bool:
    return instance.tier != Tier.HOT and not path_of(instance).exists()


def _recalled(deliveries: Sequence[Delivery]) -> "list[Outcome]":
    """Outcomes of deliveries whose files have to come back from a slower tier first; that is asked for."""
    for series_pk in {delivery.instance.series_id for delivery in deliveries}:
        want(series_pk, by="a delivery")
    reason = CannotChange("It is on a slower tier and is brought back first.", is_permanent=False)
    return [_failure(delivery, reason) for delivery in deliveries]


def _make_copies(deliveries: Sequence[Delivery], by_version: ByVersion, folder: Path, batch: OutgoingFiles) -> None:
    room = MAXIMUM_COPIES_BYTES
    for delivery in deliveries:
        if room <= 0:
            return
        changes = by_version[delivery.rule_version_id]
        try:
            if isinstance(changes, CannotChange):
                raise changes
            copy = changed_copy(outgoing_of(delivery).path, changes, folder)
        except CannotChange as error:
            batch.failed.append(_failure(delivery, error))
        else:
            batch.ready[copy] = delivery
            room -= copy.size_bytes


def outgoing_of(delivery: Delivery) -> Outgoing:
    """The stored file of the delivery's instance, as it is."""
    instance = delivery.instance
    return Outgoing(
        path=path_of(instance),
        sop_class_uid=instance.sop_class_uid,
        sop_instance_uid=instance.sop_instance_uid,
        transfer_syntax_uid=instance.transfer_syntax_uid,
        data_set_offset=instance.data_set_offset,
        size_bytes=instance.size_bytes,
    )


def changed_copy(source: Path, changes: Sequence[Change], folder: Path) -> Outgoing:
    """A changed copy of a Part 10 file, in a folder of the caller's, under a random name.

    Raises:
        CannotChange: nothing may be sent.
    """
    target = folder / f"{secrets.token_hex(16)}.dcm"
    morph(source, target, changes)
    try:
        return Outgoing.from_file(target)
    except (OSError, NotPart10) as error:
        raise CannotChange("the changed copy cannot be read", is_permanent=False) from error


def changes_by(version: RuleVersion) -> tuple[Change, ...]:
    """What this form of a rule changes on the way.

    Raises:
        BadAction: its actions are none that this version of Gantry knows.
    """
    return changes_of(parse_actions(version.definition.get("actions", [])))


def remove_leftovers() -> int:
    """Remove the folders of batches whose workers were lost; returns how many."""
    removed = 0
    for folder in _root().glob("batch-*"):
        with suppress(OSError), _locked(folder, fcntl.LOCK_EX | fcntl.LOCK_NB):
            shutil.rmtree(folder)
            removed += 1
    return removed


def _changes_by_version(deliveries: Sequence[Delivery]) -> ByVersion:
    """What each rule version changes; of one whose actions cannot be read, why nothing may be sent."""
    found: ByVersion = {}
    for delivery in deliveries:
        version = delivery.rule_version
        if version is not None and version.pk not in found and version.definition.get("actions"):
            try:
                found[version.pk] = changes_by(version)
            except BadAction as error:
                found[version.pk] = CannotChange(f"the actions of its rule cannot be read: {error}")
    return found


def _failure(delivery: Delivery, error: CannotChange) -> "Outcome":
    from routing.transports.outcome import Outcome  # whose package imports this module

    return Outcome(delivery, None, str(error), error.is_permanent)


def _root() -> Path:
    home: Path = settings.GANTRY.home
    return home / "outgoing"


@contextmanager
def _own_folder() -> Iterator[Path]:
    _root().mkdir(mode=0o700, parents=True, exist_ok=True)
    with ExitStack() as stack:
        folder = None
        while folder is None:
            made = Path(tempfile.mkdtemp(prefix="batch-", dir=_root()))
            with suppress(FileNotFoundError):  # the sweep was quicker than the lock
                stack.enter_context(_locked(made, fcntl.LOCK_EX))
                folder = made if made.exists() else None
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        yield folder


@contextmanager
def _locked(folder: Path, how: int) -> Iterator[None]:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, how)
        yield
    finally:
        os.close(descriptor)
