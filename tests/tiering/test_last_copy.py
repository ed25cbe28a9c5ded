"""Whatever is moved, rots, is repaired or breaks off, in whatever order: of each instance a right copy is left."""

import hashlib
from contextlib import suppress
from pathlib import Path

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from studies.integrity import path_of
from studies.models import Instance, Study, Tier
from tests.retrieving import keep_study
from tests.tiering.damaging import a_month_passes, flip_bit, flip_copy, object_of
from tests.tiering.test_moves import STEPS, Killed, Step, killed_at
from tiering import orphans
from tiering.ask import ask_for_move
from tiering.carry_out import work
from tiering.errors import MoveRefused, StoreError, TierError
from tiering.models import Copy, Location, Move, Pack, PackState
from tiering.scrub import scrub

INSTANCES = 2
# To and fro between two of them is where copies are relied on that were made earlier.
TIERS = st.sampled_from([Tier.HOT, Tier.COLD, Tier.HOT, Tier.COLD, Tier.ARCHIVE])


def hot_is_right(instance: Instance) -> bool:
    try:
        content = path_of(instance).read_bytes()
    except FileNotFoundError:
        return False
    return is_right(instance, content)


def copy_is_right(copy: Copy) -> bool:
    try:
        content = object_of(copy.pack).read_bytes()
    except FileNotFoundError:
        return False
    return is_right(copy.instance, content[copy.offset : copy.offset + copy.instance.size_bytes])


def is_right(instance: Instance, content: bytes) -> bool:
    data_set = content[instance.data_set_offset :]
    return len(content) == instance.size_bytes and hashlib.sha256(data_set).hexdigest() == instance.sha256


class Shelves(RuleBasedStateMachine):
    """What people, policies and disks may do to one study; the disks leave one right copy of each instance."""

    def __init__(self) -> None:
        super().__init__()
        Move.objects.all().delete()
        Copy.objects.all().delete()
        Pack.objects.all().delete()
        Study.objects.all().delete()
        Location.objects.update(is_enabled=True)
        keep_study(instances=INSTANCES)
        Instance.objects.update(planned_at=timezone.now())
        Study.objects.update(completed_at=timezone.now())
        self.study = Study.objects.get()

    def right_places(self, instance: Instance) -> int:
        copies = Copy.objects.filter(instance=instance).select_related("pack__location", "instance")
        return hot_is_right(instance) + sum(map(copy_is_right, copies))

    def may_rot(self, instance: Instance) -> bool:
        """Another right copy is left; one that nobody has read back, or that is to go, is none."""
        unproven = Copy.objects.filter(instance=instance, pack__state__in=[PackState.WRITING, PackState.REMOVING])
        return self.right_places(instance) - sum(map(copy_is_right, unproven.select_related("pack__location"))) > 1

    @rule(tier=TIERS)
    def ask(self, tier: str) -> None:
        with suppress(MoveRefused):
            ask_for_move(self.study, tier, by="somebody")

    @rule(tier=TIERS)
    def move(self, tier: str) -> None:
        self.ask(tier)
        self.work_on()

    @rule()
    def work_on(self) -> None:
        Move.objects.update(next_attempt_at=timezone.now(), lease_until=None)
        work(seconds=20)

    @rule(step=st.sampled_from(STEPS), call=st.integers(1, 3))
    def work_until_killed(self, step: Step, call: int) -> None:
        Move.objects.update(next_attempt_at=timezone.now(), lease_until=None)
        with killed_at(*step, call), suppress(Killed):
            work(seconds=20)

    @rule(number=st.integers(0, INSTANCES - 1))
    def hot_file_rots(self, number: int) -> None:
        instance = Instance.objects.order_by("pk")[number]
        if hot_is_right(instance) and self.may_rot(instance):
            a_month_passes()
            flip_bit(path_of(instance), instance.size_bytes - 1)

    @rule(number=st.integers(0, INSTANCES - 1))
    def copy_rots(self, number: int) -> None:
        instance = Instance.objects.order_by("pk")[number]
        for copy in Copy.objects.filter(instance=instance).select_related("pack__location", "instance"):
            if copy_is_right(copy) and self.may_rot(instance):
                a_month_passes()
                flip_copy(copy)
                return

    @rule()
    def read_all_again(self) -> None:
        a_month_passes()
        with suppress(StoreError):
            scrub(seconds=20)

    @rule()
    def sweep(self) -> None:
        with suppress(TierError):
            orphans.sweep_packs()

    @rule(name=st.sampled_from(["cold", "archive"]), is_enabled=st.booleans())
    def turn_location(self, name: str, is_enabled: bool) -> None:
        Location.objects.filter(name=name).update(is_enabled=is_enabled)

    @invariant()
    def a_right_copy_is_left(self) -> None:
        for instance in Instance.objects.all():
            assert self.right_places(instance) >= 1, Move.objects.values("to_tier", "state", "last_error")

    @invariant()
    def what_is_hot_has_a_file(self) -> None:
        for instance in Instance.objects.filter(tier=Tier.HOT):
            assert path_of(instance).exists()


def run(examples: int) -> None:
    run_state_machine_as_test(
        Shelves,
        settings=settings(
            max_examples=examples,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
        ),
    )


@pytest.mark.django_db
@pytest.mark.parametrize(
    "examples", [pytest.param(20, id="sample"), pytest.param(500, id="whole", marks=pytest.mark.faults)]
)
def test_no_order_of_events_loses_the_last_copy(cold: Location, archive: Location, examples: int) -> None:
    assert Path(cold.path).is_dir()
    assert Path(archive.path).is_dir()
    run(examples)
