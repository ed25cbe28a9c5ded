"""Back-tests run in slices: claimed with a lease, each slice kept with its place, so another worker may go on."""

import secrets
import time
from collections.abc import Sequence
from datetime import timedelta
from functools import partial

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from routing.backtest.history import History, index_holds, read_history
from routing.backtest.judge import Tested, tested
from routing.backtest.models import BackTest, BackTestState, BackTestStudy
from routing.conditions import BadCondition
from routing.events import back_tests_due
from routing.models import Rule
from routing.versions import Definition
from studies.models import Study

OPEN = (BackTestState.QUEUED, BackTestState.RUNNING)
LEASE_SECONDS = 30
# How long a worker goes on at a time: it is the one that plans new instances, and they must not wait for a back-test.
TURN_SECONDS = 1.0
# How long the next turn may be under way before the sweep takes it for lost.
NEXT_TURN_SECONDS = 10
STUDIES_OF_A_SLICE = 500
STUDIES_OF_A_SLICE_READ = 20  # when a file of each series is read
LONGEST = timedelta(days=1)
KEPT = timedelta(days=30)
MAXIMUM_DAYS = 3650


def start_back_test(
    definition: Definition, *, rule: Rule | None, days: int, author: AbstractBaseUser | None
) -> BackTest:
    """Have a draft judged on the studies that came in during the last days.

    Args:
        definition: the draft, as ``definition_of`` gives it.
        rule: whose draft it is; its version in force is what the draft is compared with. None for a new rule.
        days: how far back.
        author: who asked; None for a program.
    """
    draft = {**definition, "live_version": rule.version if rule is not None else None}
    back_test = BackTest.objects.create(
        rule=rule,
        draft=draft,
        days=days,
        since=timezone.now() - timedelta(days=days),
        author_id=author.pk if author is not None else None,
    )
    transaction.on_commit(partial(back_tests_due.send, BackTest, pk=back_test.pk))
    return back_test


def reads_files(back_test: BackTest) -> bool:
    """Whether files are read, because the index lacks something that is asked."""
    return not index_holds(set[str]().union(*(each.attributes() for each in _both(back_test) if each is not None)))


def take_turn(pk: int) -> bool:
    """Judge for a second; returns whether more is to do, which the next turn does."""
    token = secrets.token_hex(16)
    back_test = _claim(pk, token)
    if back_test is None:
        return False
    try:
        draft, live = _both(back_test)
    except BadCondition as error:
        _end(pk, token, BackTestState.FAILED, f"The draft's conditions cannot be read: {error}")
        return False
    ends_at = time.monotonic() + TURN_SECONDS
    after = back_test.after_study
    while (last := _slice(back_test, token, draft, live, after)) is not None:
        if last == after:
            _end(pk, token, BackTestState.DONE)
            return False
        after = last
        if time.monotonic() >= ends_at:
            return _hand_on(pk, token)
    return False  # cancelled, or another has it


def cancel(back_test: BackTest) -> bool:
    """Stop it; returns False when it has ended already."""
    still_open = BackTest.objects.filter(pk=back_test.pk, state__in=OPEN)
    return bool(
        still_open.update(state=BackTestState.CANCELLED, finished_at=timezone.now(), lease_token="", lease_until=None)
    )


def sweep() -> list[int]:
    """Back-tests that nobody goes on with, each promised to the caller's next turn; old ones are deleted.

    A test that is still open after a day is what loses its workers, and is given up.
    """
    now = timezone.now()
    _open().filter(created_at__lt=now - LONGEST).update(
        state=BackTestState.FAILED,
        finished_at=now,
        last_error="It did not end within a day. Test fewer days, or see the log of the worker that plans.",
        lease_token="",
        lease_until=None,
    )
    BackTest.objects.filter(finished_at__lt=now - KEPT).delete()
    return [pk for pk in _unattended().values_list("pk", flat=True) if _promise(pk)]


def _promise(pk: int) -> bool:
    """Give the next turn its time; another sweep may have been quicker."""
    until = timezone.now() + timedelta(seconds=NEXT_TURN_SECONDS)
    return bool(_unattended().filter(pk=pk).update(lease_token="", lease_until=until))


def _open() -> QuerySet[BackTest]:
    return BackTest.objects.filter(state__in=OPEN)


def _unattended() -> QuerySet[BackTest]:
    now = timezone.now()
    # A lease is never longer than its length: if it seems so, the clock was set back.
    is_over = Q(lease_until__lt=now) | Q(lease_until__gt=now + timedelta(seconds=2 * LEASE_SECONDS))
    return _open().filter(Q(lease_until=None) | is_over)


def _claim(pk: int, token: str) -> BackTest | None:
    until = timezone.now() + timedelta(seconds=LEASE_SECONDS)
    free = _open().filter(Q(lease_token="") | Q(pk__in=_unattended().values("pk")), pk=pk)
    if not free.update(lease_token=token, lease_until=until, state=BackTestState.RUNNING):
        return None
    back_test = BackTest.objects.get(pk=pk)
    if not back_test.after_study:  # at its first turn
        total = Study.objects.filter(received_at__gte=back_test.since).count()
        BackTest.objects.filter(pk=pk, lease_token=token).update(total=total)
    return back_test


def _both(back_test: BackTest) -> tuple[Tested, Tested | None]:
    """The draft, and the version that was in force when it was started."""
    draft, rule = back_test.draft, back_test.rule
    version = rule.versions.filter(number=draft["live_version"]).first() if rule is not None else None
    live = tested(version.definition, rule_pk=back_test.rule_id) if version is not None else None
    return tested(draft, rule_pk=back_test.rule_id), live


def _slice(back_test: BackTest, token: str, draft: Tested, live: Tested | None, after: int) -> int | None:
    """Judge the next studies and keep what was found; returns the last of them, None when it is not ours any more."""
    asked = draft.attributes() | (live.attributes() if live else set())
    limit = STUDIES_OF_A_SLICE if index_holds(asked) else STUDIES_OF_A_SLICE_READ
    studies = Study.objects.filter(received_at__gte=back_test.since, pk__gt=after)
    pks = list(studies.order_by("pk").values_list("pk", flat=True)[:limit])
    if not pks:
        return after
    history = read_history(pks, asked)
    rows = [row for pk in pks if (row := _row(back_test, pk, history, draft, live)) is not None]
    return pks[-1] if _keep(back_test, token, pks, history, rows) else None


def _row(back_test: BackTest, pk: int, history: History, draft: Tested, live: Tested | None) -> BackTestStudy | None:
    by_draft = draft.count(history.studies[pk])
    by_live = live.count(history.studies[pk]) if live else 0
    if not by_draft and not by_live:
        return None
    return BackTestStudy(
        back_test=back_test,
        study_id=pk,
        by_draft=by_draft > 0,
        by_live=by_live > 0,
        instance_count=by_draft or by_live,
    )


@transaction.atomic
def _keep(back_test: BackTest, token: str, pks: Sequence[int], history: History, rows: list[BackTestStudy]) -> bool:
    held = BackTest.objects.filter(pk=back_test.pk, lease_token=token, state=BackTestState.RUNNING)
    is_ours = held.update(
        after_study=pks[-1],
        judged=F("judged") + len(pks),
        matched=F("matched") + sum(row.by_draft for row in rows),
        differing=F("differing") + sum(row.by_draft != row.by_live for row in rows),
        unreadable=F("unreadable") + history.unreadable,
        lease_until=timezone.now() + timedelta(seconds=LEASE_SECONDS),
    )
    if is_ours:
        BackTestStudy.objects.bulk_create(rows, batch_size=500)
    return bool(is_ours)


def _hand_on(pk: int, token: str) -> bool:
    """Leave it to the next turn, which the caller rings for."""
    until = timezone.now() + timedelta(seconds=NEXT_TURN_SECONDS)
    held = BackTest.objects.filter(pk=pk, lease_token=token, state=BackTestState.RUNNING)
    return bool(held.update(lease_token="", lease_until=until))


def _end(pk: int, token: str, state: BackTestState, error: str = "") -> None:
    BackTest.objects.filter(pk=pk, lease_token=token, state=BackTestState.RUNNING).update(
        state=state, finished_at=timezone.now(), last_error=error[:300], lease_token="", lease_until=None
    )
