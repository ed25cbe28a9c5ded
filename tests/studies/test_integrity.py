"""Which files are believed to be what was acknowledged, and which are hashed (studies.integrity)."""

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from gateway.env import Environment
from studies.errors import InstanceDamaged
from studies.integrity import BELIEVED_SECONDS, believed, ensure_intact
from studies.models import Instance
from tests.retrieving import file_of, keep_study

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def forgetful(home: Environment) -> Iterator[None]:
    believed.clear()
    yield
    believed.clear()


def rot(path: Path) -> None:
    """Another bit, and a disk that does not say so: size and times stay."""
    before = path.stat()
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def age(seconds: float) -> None:
    Instance.objects.update(indexed_at=timezone.now() - timedelta(seconds=seconds))


def one() -> Instance:
    return Instance.objects.earliest("pk")


def test_what_was_just_indexed_is_not_read_again() -> None:
    keep_study(instances=1)
    rot(file_of(one().sop_instance_uid))

    assert ensure_intact(one())  # the index read it whole a moment ago


def test_what_was_indexed_a_while_ago_is_hashed() -> None:
    keep_study(instances=1)
    path = file_of(one().sop_instance_uid)
    os.utime(path, (0, 0))
    age(BELIEVED_SECONDS + 1)
    rot(path)

    with pytest.raises(InstanceDamaged):
        ensure_intact(one())


def test_what_was_written_to_since_it_was_indexed_is_hashed() -> None:
    keep_study(instances=1)
    path = file_of(one().sop_instance_uid)
    age(5)
    rot(path)
    os.utime(path)

    with pytest.raises(InstanceDamaged):
        ensure_intact(one())


def test_what_says_that_it_was_indexed_in_the_future_is_hashed() -> None:
    keep_study(instances=1)
    path = file_of(one().sop_instance_uid)
    age(-3600)
    rot(path)

    with pytest.raises(InstanceDamaged):
        ensure_intact(one())
