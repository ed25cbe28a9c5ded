"""Processes of a move's test: one that moves studies until it is killed, and one that takes in more of them.

``python -m tests.faults.moving_worker move [owner function call]`` asks for moves and carries them out, and kills
itself before the n-th call of a function of a module or class. ``receive`` adds instances to a study. Leases have a
test's length.
"""

import hashlib
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import django

LEASE = timedelta(seconds=2)
BEAT_SECONDS = 0.4
SOON = timedelta(seconds=0.5)
LOOK_SECONDS = 0.05
AT_MOST = 40  # instances that come in
RECEIVED = "received.txt"
GOAL = "goal.txt"  # a tier: where everything is to end


def main() -> None:
    """Work until killed."""
    django.setup()
    work, *step = sys.argv[1:]
    if work == "receive":
        receive()
    elif work == "sweep":
        sweep()
    else:
        shorten()
        if step:
            kill_before(*step)
        say("working")
        move()


def shorten() -> None:
    """What takes a minute in the product takes seconds here."""
    from tiering import carry_out, claim, pace

    claim.LEASE = LEASE
    claim.FIRST_BACK_OFF_SECONDS = claim.LONGEST_BACK_OFF_SECONDS = 1
    pace.BEAT_SECONDS = BEAT_SECONDS  # type: ignore[assignment]
    carry_out.LOOK_AGAIN = carry_out.LOOK_AT_HOLDS_AGAIN = SOON


def kill_before(owner_name: str, name: str, call: str) -> None:
    """``kill -9`` of this process when a function is called for the n-th time."""
    owner = resolve_name(owner_name)
    original: Callable[..., Any] = getattr(owner, name)
    left = int(call)

    def step(*args: Any, **kwargs: Any) -> Any:
        nonlocal left
        left -= 1
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*args, **kwargs)

    setattr(owner, name, step)


def move() -> None:
    """Ask for a move of every study that is on no way, and carry out what is due."""
    from django.conf import settings

    from studies.models import Instance, Study, Tier
    from tiering.ask import ask_for_move
    from tiering.carry_out import work
    from tiering.errors import MoveRefused
    from tiering.models import Move
    from tiering.models.moves import OPEN

    goal = Path(settings.GANTRY.home) / GOAL
    while True:
        wanted = goal.read_text() if goal.exists() else None
        under_way = Move.objects.filter(state__in=OPEN).values("study")
        for study in Study.objects.exclude(pk__in=under_way):
            tier = wanted or random.choice([tier for tier in Tier.values if tier != study.tier])
            # Also what came in for a study that is there already.
            if Instance.objects.filter(series__study=study).exclude(tier=tier).exists():
                try:
                    ask_for_move(study, tier, by="test")
                except MoveRefused:
                    continue  # the other worker was quicker
        work(seconds=2)
        time.sleep(LOOK_SECONDS)


def receive() -> None:
    """Take in one instance after the other for a study that is moving, and note what was acknowledged."""
    from django.conf import settings
    from django.utils import timezone

    from studies.models import Instance, Study
    from tests.retrieving import keep_study

    say("working")
    noted: set[str] = set()
    with (Path(settings.GANTRY.home) / RECEIVED).open("a") as book:
        for count in range(1, AT_MOST + 1):
            found = keep_study("1.5", instances=count, pixels=2000)
            Instance.objects.filter(planned_at=None).update(planned_at=timezone.now())
            Study.objects.filter(completed_at=None).update(completed_at=timezone.now())
            for uid in found.keys() - noted:
                book.write(f"{uid} {hashlib.sha256(found[uid]).hexdigest()}\n")
            book.flush()
            noted |= found.keys()
            time.sleep(0.5)


def sweep() -> None:
    """Remove what lost workers left, as if a day had passed."""
    from tiering import orphans

    orphans.ABANDONED_AFTER = timedelta(0)
    orphans.sweep_packs()


def say(word: str) -> None:
    """To whoever started this process."""
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
