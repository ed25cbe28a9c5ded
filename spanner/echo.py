"""Whether a source answers, whatever its kind; the breaker hears of it."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from django.db import DatabaseError
from django.utils.translation import gettext as _

from dicomnet.scu.association import PeerError
from dicomnet.scu.echo import echo
from spanner import breaker
from spanner.answers import Answer, State
from spanner.ask import dicomweb, dimse
from spanner.errors import SourceFailed
from spanner.models import Source, SourceKind
from studies.models import Study


@dataclass(frozen=True)
class Echo:
    """What became of it.

    Attributes:
        words: the status, or why there is none.
    """

    is_alive: bool
    milliseconds: float
    words: str


def echo_source(source: Source) -> Echo:
    """Ask it for a sign of life: C-ECHO, a search for one study, or one look into the database.

    An answer closes its breaker; that it does not answer is for questions to find out, who know how many there were.
    """
    began = time.perf_counter()
    try:
        is_alive, words = _WAYS[source.kind](source)
    except (PeerError, SourceFailed) as error:
        is_alive, words = False, str(error)
    milliseconds = round((time.perf_counter() - began) * 1000, 1)
    if is_alive:
        breaker.note(source, Answer(source.name, State.OK, milliseconds=milliseconds))
    return Echo(is_alive, milliseconds, words)


def _echo_dimse(source: Source) -> tuple[bool, str]:
    outcome = echo(dimse.peer_of(source))
    if outcome.has_answered and not outcome.is_alive:
        return True, f"It takes associations, but no echo: {outcome.words}"
    return outcome.is_alive, outcome.words


def _echo_dicomweb(source: Source) -> tuple[bool, str]:
    dicomweb.probe(source)
    return True, _("It answers searches")


def _echo_local(source: Source) -> tuple[bool, str]:
    try:
        Study.objects.exists()
    except DatabaseError:
        return False, _("The database does not answer now")
    return True, _("The database answers")


_WAYS: Mapping[str, Callable[[Source], tuple[bool, str]]] = {
    SourceKind.DIMSE: _echo_dimse,
    SourceKind.DICOMWEB: _echo_dicomweb,
    SourceKind.LOCAL: _echo_local,
}
