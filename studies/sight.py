"""Which studies whoever asks may see: said once for each request, and kept by the managers of all that names a study.

A request sees nothing until it is known who asks, so a door that forgets to say so shows nothing. Where no request is
answered (listeners, workers, commands) all studies are seen: they work for the archive and not for a person.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import reduce
from operator import and_, or_
from typing import Any, Self, TypeVar

from django.apps import apps
from django.db import models
from django.db.models import Exists, OuterRef, Q, QuerySet

_M = TypeVar("_M", bound=models.Model)


@dataclass(frozen=True)
class Sight:
    """A study is seen when one of these holds for it; of a sight without any nothing is seen.

    Attributes:
        senders: AE titles of the device that sent its first instance, each in its own case.
        institutions: Institution Names, each as a whole and in its own case.
        labels: of which it has one.
    """

    senders: tuple[str, ...] = ()
    institutions: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()

    def studies(self, path: str = "") -> Q:
        """Rows whose study is seen.

        Args:
            path: from the row to its study, as ``series__study``; empty for a study itself.
        """
        ahead = f"{path}__" if path else ""
        seen = Q(pk__in=[])
        if self.senders:
            seen |= Q(**{f"{ahead}calling_ae_title__in": self.senders})
        if self.institutions:
            seen |= Q(**{f"{ahead}institution_name__in": self.institutions})
        if self.labels:
            labels = _rows("StudyLabel").filter(label__in=self.labels)
            # Of studies from the label's side: asked of each, a rare label would have the whole table read.
            given = Exists(labels.filter(study=OuterRef(path))) if path else Q(pk__in=labels.values("study"))
            seen |= Q(given)
        return seen

    def named(self, field: str) -> Q:
        """Rows that name a seen study by its UID in a field of theirs."""
        return Q(Exists(_rows("Study").filter(self.studies(), study_instance_uid=OuterRef(field))))

    def sql(self, study: str) -> tuple[str, tuple[str, ...]]:
        """The condition of ``studies`` in SQL with its parameters, for statements that are written by hand.

        Args:
            study: what the statement calls the table of studies.
        """
        parts = [
            f"{study}.{column} IN ({_marks(values)})"
            for column, values in (("calling_ae_title", self.senders), ("institution_name", self.institutions))
            if values
        ]
        if self.labels:
            parts.append(
                f"EXISTS (SELECT 1 FROM studies_studylabel given WHERE given.study_id = {study}.id"  # noqa: S608 (ours)
                f" AND given.label IN ({_marks(self.labels)}))"
            )
        return f"({' OR '.join(parts)})" if parts else "1 = 0", (*self.senders, *self.institutions, *self.labels)


NOTHING = Sight()
_asked: ContextVar[Callable[[], Sight | None] | None] = ContextVar("sight", default=None)


def current_sight() -> Sight | None:
    """What is seen now; None: everything."""
    asked = _asked.get()
    return None if asked is None else asked()


@contextmanager
def seeing(asked: Callable[[], Sight | None]) -> Iterator[None]:
    """See what a function says, which is asked when it is needed: who asks is often known only later."""
    before = _asked.set(asked)
    try:
        yield
    finally:
        _asked.reset(before)


@contextmanager
def whole() -> Iterator[None]:
    """See everything, whoever asks: for what is about the archive and names no study to him."""
    before = _asked.set(None)
    try:
        yield
    finally:
        _asked.reset(before)


def carried(pieces: Iterable[Any], asked: Callable[[], Sight | None]) -> Iterator[Any]:
    """An answer that is made while it is sent, each piece of it with this sight."""
    rest = iter(pieces)
    while True:
        with seeing(asked):
            try:
                piece = next(rest)
            except StopIteration:
                return
        yield piece


def is_seen(study_instance_uid: str) -> bool:
    """Whether a study is stored and seen; to whom sees everything, any study is."""
    sight = current_sight()
    return sight is None or _rows("Study").filter(sight.studies(), study_instance_uid=study_instance_uid).exists()


def of_study(path: str) -> Callable[[Sight], Q]:
    """What a model says of its rows (``seen_by``) that belong to one study, by the path to it."""
    return lambda sight: sight.studies(path)


def by_uid(field: str) -> Callable[[Sight], Q]:
    """What a model says of its rows (``seen_by``) that name a study by its UID."""
    return lambda sight: sight.named(field)


def of_all(*paths: str) -> Callable[[Sight], Q]:
    """What a model says of its rows (``seen_by``) that show more than one study: whoever sees one has to see all."""
    return lambda sight: reduce(and_, map(sight.studies, paths))


def of_any(*paths: str) -> Callable[[Sight], Q]:
    """What a model says of its rows (``seen_by``) that belong to a study by one path or another."""
    return lambda sight: reduce(or_, map(sight.studies, paths))


def by_nobody(sight: Sight) -> Q:
    """What a model says of its rows (``seen_by``) that only who sees everything may see."""
    return Q(pk__in=[])


class SeenQuerySet(QuerySet[_M]):
    """Rows of seen studies alone.

    A query set that a class keeps was made before anybody asked: so its copies are narrowed too, not only what the
    manager gives.
    """

    _is_narrowed = False

    def narrowed(self) -> Self:
        """These rows as far as they are seen now; once for each query set, where a request is answered."""
        if self._is_narrowed or _asked.get() is None:
            return self
        self._is_narrowed = True
        sight = current_sight()
        if sight is not None:
            model: Any = self.model
            self.query.add_q(model.seen_by(sight))
        return self

    def _chain(self) -> Self:
        made: Self = super()._chain()  # type: ignore[misc]  # the stubs leave it out
        return made.narrowed()

    def _clone(self) -> Self:
        made: Self = super()._clone()  # type: ignore[misc]
        made._is_narrowed = self._is_narrowed
        return made


class SeenManager(models.Manager[_M]):
    """The manager of a model that names studies; its ``seen_by`` says for a sight which of its rows are seen."""

    def get_queryset(self) -> SeenQuerySet[_M]:
        """All that is seen now."""
        return SeenQuerySet[_M](self.model, using=self._db).narrowed()


def _rows(model: str) -> QuerySet[Any]:
    """All rows of a model of the archive, whoever asks."""
    found: QuerySet[Any] = apps.get_model("studies", model)._base_manager.order_by()
    return found


def _marks(values: Iterable[str]) -> str:
    return ", ".join("%s" for _ in values)
