"""Who is asking now: taken from the request that this thread answers, when something is put on record."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import SimpleNamespace
from typing import Any, NamedTuple

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from dicomnet.audit import ActorKind

_asking: ContextVar[Any] = ContextVar("asking", default=None)
OURSELVES = "Gantry"


class Actor(NamedTuple):
    """A name, what kind of name it is, and from where."""

    name: str
    kind: ActorKind
    address: str


def current_actor() -> Actor:
    """Whoever asks; Gantry itself where no request is answered."""
    request = _asking.get()
    return Actor(OURSELVES, ActorKind.SYSTEM, "") if request is None else actor_of(request)


def actor_of(request: Any) -> Actor:
    """Whoever sent a request, also one of the REST framework; without a name while nobody is known to it."""
    user = getattr(request, "user", None)
    address = str(request.META.get("REMOTE_ADDR", ""))
    if user is None or not user.is_authenticated:
        return Actor("", ActorKind.PERSON, address)
    key = getattr(user, "api_key", None)
    name = user.get_username() if key is None else key.name
    return Actor(str(name), ActorKind.PERSON if key is None else ActorKind.KEY, address)


@contextmanager
def acting_for(user: Any) -> Iterator[None]:
    """What a command does for a person is put on record as done by that person; None: by Gantry itself."""
    before = _asking.set(SimpleNamespace(user=user, META={}) if user is not None else None)
    try:
        yield
    finally:
        _asking.reset(before)


class Asking:
    """Middleware: remembers the request while it is answered; the user is read from it no sooner than it is needed."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        """Begin."""
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer."""
        before = _asking.set(request)
        try:
            return self._get_response(request)
        finally:
            _asking.reset(before)
