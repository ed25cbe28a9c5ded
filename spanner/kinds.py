"""What each kind of source needs and takes, and what is wrong with one; the same for the page and the API."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from dicomnet.web import sign_in
from dicomnet.web.addresses import BadAddress, check_host, check_place, is_near, parse_url
from dicomnet.web.settled import Settled, settled
from spanner.models import Source, SourceKind


@dataclass(frozen=True)
class Kind:
    """The fields of one kind.

    Attributes:
        needed: must be given.
        taken: may be given besides; a field of neither belongs to other kinds.
    """

    needed: tuple[str, ...]
    taken: tuple[str, ...]

    @property
    def fields(self) -> tuple[str, ...]:
        """All that it has."""
        return self.needed + self.taken


KINDS: Mapping[str, Kind] = {
    SourceKind.DIMSE: Kind(
        needed=("ae_title", "host", "port"),
        taken=("tls", "tls_server_name", "calling_ae_title", "retrieve"),
    ),
    SourceKind.DICOMWEB: Kind(needed=("url",), taken=("authentication", "username", "secret")),
    SourceKind.LOCAL: Kind(needed=(), taken=()),
}
# What only some kinds have, with the value that says nothing.
_OF_SOME = {name for kind in KINDS.values() for name in kind.fields}
NEUTRAL: Mapping[str, Any] = {
    field.name: field.get_default() for field in Source._meta.fields if field.name in _OF_SOME
}


def settle(values: Mapping[str, Any], *, stored: str, entered: str) -> Settled:
    """Check a source before it is saved, and seal its secret.

    Args:
        values: every field but the secret, as it is to be.
        stored: the sealed secret that it has.
        entered: the new one; empty keeps the other, where it is for the same origin.
    """
    wants = takes_secret(values)
    problems = problems_of({**values, "secret": entered or (stored if wants else "")})
    return settled(
        problems, takes_secret=wants, stored=stored, entered=entered, place=lambda: parse_url(values["url"]).origin
    )


def problems_of(values: Mapping[str, Any]) -> dict[str, str]:
    """What is wrong with a source, by field; empty when nothing is.

    Args:
        values: every field of a source as it is to be; ``secret`` is any text when there is one.
    """
    kind = KINDS[values["kind"]]
    found = {name: _("This is needed.") for name in kind.needed if values[name] in {"", None}}
    others = (name for name, neutral in NEUTRAL.items() if name not in kind.fields and values[name] != neutral)
    label = SourceKind(values["kind"]).label
    found |= dict.fromkeys(
        others, _("A source of the kind “%(label)s” has no such field; leave it out.") % {"label": label}
    )
    return found | {name: words for name, words in _problems_by_kind(values) if name not in found}


def takes_secret(values: Mapping[str, Any]) -> bool:
    """Whether Gantry signs in at a source with a secret."""
    return values["kind"] == SourceKind.DICOMWEB and values["authentication"] in sign_in.WITH_SECRET


def warnings_of(source: Source) -> list[str]:
    """What is allowed and still worth a thought, in sentences."""
    found = []
    if source.url.lower().startswith("http:"):
        found.append(
            _("Its address is http: patient data and passwords can be read on the way. Use https where you can.")
        )
    if source.kind == SourceKind.DIMSE and not source.tls and not is_near(source.host):
        found.append(_("It is called without TLS: outside of this hospital's network others can read what it answers."))
    return found


def _problems_by_kind(values: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    if values["kind"] == SourceKind.DIMSE:
        try:
            check_place(check_host(values["host"]), values["port"])
        except BadAddress as error:
            yield "host", str(error)
    if values["kind"] == SourceKind.DICOMWEB:
        try:
            parse_url(values["url"])
        except BadAddress as error:
            yield "url", str(error)
        has_secret = bool(values["secret"])
        yield from sign_in.problems_of(values["authentication"], values["username"], has_secret=has_secret)
