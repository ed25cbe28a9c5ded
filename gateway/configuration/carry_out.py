"""Apply a document, or see what it would do: checked by what checks page and API, in one transaction, or not at all.

The transaction is the place of trial too. What is checked may depend on other entries of the document, a rule on its
destinations, so each entry is saved as soon as it is valid; a dry run and a document with a problem are rolled back.
"""

from typing import Any

from django.db import DataError, IntegrityError, connection, transaction
from django.db.models import ProtectedError

from dicomnet.audit import Action, Entry, record
from gateway.configuration.changes import Change, FieldChange, Outcome, What
from gateway.configuration.entries import Given, read_entries, refuse_unknown_sections
from gateway.configuration.export import export, sealed_secrets
from gateway.configuration.keep import keep
from gateway.configuration.kind import Kind
from gateway.configuration.kinds import KINDS
from gateway.configuration.order import Order
from gateway.configuration.parse import Document
from gateway.configuration.problems import BadDocument, Problem
from gateway.configuration.save import Saved, put
from routing.validate import validate_rules

_LOCK = 0x67_63_6F_6E_66_69_67  # "gconfig": one import at a time
_TOLD = 50


class ChangedMeanwhile(Exception):
    """What would be done now is not what somebody agreed to; nothing was done."""

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome
        super().__init__("The configuration has changed since you looked: look at the changes again.")


def apply(document: Document, order: Order) -> Outcome:
    """Apply a document.

    Raises:
        BadDocument: something is wrong with it; nothing was done.
        ChangedMeanwhile: the changes are not those of ``order.agreed``; nothing was done.
    """
    refuse_unknown_sections(document)
    with transaction.atomic():
        _lock()
        run = _Run(document, order)
        outcome = run.outcome()
        if order.is_dry_run:
            transaction.set_rollback(True)
            return outcome
        if order.agreed and outcome.fingerprint != order.agreed:
            raise ChangedMeanwhile(outcome)
        if outcome.changes:
            outcome.snapshot = keep(run.before, run.sealed, order, outcome.summary)
            record(_on_record(order, outcome))
        outcome.is_applied = True
    return outcome


class _Run:
    """One document, within the transaction of ``apply``."""

    def __init__(self, document: Document, order: Order) -> None:
        self._document, self._order = document, order
        self._given, self._problems = read_entries(document)
        self._saved: list[Saved] = []
        self._removed: list[Change] = []
        self.before = "" if order.is_dry_run else export()
        self.sealed = {} if order.is_dry_run else sealed_secrets()
        self._findings = set(_findings())

    def outcome(self) -> Outcome:
        """What was done.

        Raises:
            BadDocument: something is wrong; what was done has to be rolled back.
        """
        waiting = self._put_all(self._given)
        if self._order.prune:
            self._remove_others()
        # What waited for another entry, or for one that was removed, such as an AE title that it had.
        while waiting and len(remaining := self._put_all([given for given, _ in waiting])) < len(waiting):
            waiting = remaining
        problems = self._problems + [problem for _, found in waiting for problem in found]
        if problems:
            told = [problem for problem in problems if not problem.follows]
            raise BadDocument(sorted(told or problems, key=lambda problem: problem.line))
        changes = [saved.change for saved in self._saved if saved.change] + self._removed
        order = {kind.name: number for number, kind in enumerate(KINDS)}
        return Outcome(
            sorted(changes, key=lambda change: order[change.kind]),
            sum(saved.change is None for saved in self._saved),
            [words for saved in self._saved for words in saved.warnings]
            + [words for words in _findings() if words not in self._findings],
        )

    def _put_all(self, entries: list[Given]) -> list[tuple[Given, list[Problem]]]:
        """Save what can be saved; the others, with what is wrong with them."""
        waiting = []
        for given in entries:
            try:
                with transaction.atomic():
                    saved = put(given, self._document, self._order)
                    if saved.change is None:  # it is as it was, also when it was saved
                        transaction.set_rollback(True)
                self._saved.append(saved)
            except BadDocument as error:
                waiting.append((given, list(error.problems)))
            except (IntegrityError, DataError):
                words = "The database takes it not beside the other rows: does another row have what may be there once?"
                waiting.append((given, [self._document.problem(given.path, words)]))
        return waiting

    def _remove_others(self) -> None:
        for kind in reversed(KINDS):
            if kind.name not in self._document.value:
                continue
            named = {given.key for given in self._given if given.kind is kind}
            for row in kind.rows():
                key = kind.key_of(kind.values_of(row))
                if key not in named:
                    self._remove(kind, row, kind.title(key))

    def _remove(self, kind: Kind, row: Any, title: str) -> None:
        try:
            with transaction.atomic():
                kind.remove(row)
        except ProtectedError:
            if not self._order.may_turn_off:
                words = (
                    f"The {kind.noun} {title} is part of the record of what was done, so it cannot be removed: "
                    "put it into the document, with is_enabled: false."
                )
                self._problems.append(self._document.problem((kind.name,), words))
            elif row.is_enabled:
                kind.turn_off(row)
                fields = (FieldChange("is_enabled", "yes", "no"),)
                note = "part of the record of what was done: turned off, not removed"
                self._removed.append(Change(kind.name, kind.noun, title, What.CHANGED, fields, note))
        else:
            self._removed.append(Change(kind.name, kind.noun, title, What.REMOVED))


def _findings() -> list[str]:
    return [f"{each.rule.name if each.rule else 'Rules'}: {each.words}" for each in validate_rules()]


def _lock() -> None:
    """One import at a time, and nobody changes a row between its being read and saved."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
    for kind in KINDS:
        kind.lock()


def _on_record(order: Order, outcome: Outcome) -> Entry:
    told = {
        what.value: [f"{each.noun} {each.title}" for each in outcome.changes if each.what == what][:_TOLD]
        for what in What
    }
    detail = {"reason": order.reason, "summary": outcome.summary, "snapshot": outcome.snapshot} | told
    return Entry(Action.CHANGED, subject=f"configuration: {order.what}", detail=detail)
