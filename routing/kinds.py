"""What each kind of destination needs and takes, and what is wrong with one; the same for the page and the API."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from dicomnet.web import s3, sign_in
from dicomnet.web.addresses import BadAddress, check_host, check_place, is_near, parse_url
from dicomnet.web.settled import Settled, settled
from routing.models import Destination, DestinationKind, ProofKind
from studies.folders import folder_problem


@dataclass(frozen=True)
class Kind:
    """The fields of one kind.

    Attributes:
        needed: must be given.
        taken: may be given besides; a field of neither belongs to other kinds.
        proofs: how its word can be checked.
    """

    needed: tuple[str, ...]
    taken: tuple[str, ...]
    proofs: tuple[str, ...]

    @property
    def fields(self) -> tuple[str, ...]:
        """All that it has."""
        return self.needed + self.taken


KINDS: dict[str, Kind] = {
    DestinationKind.DICOM: Kind(
        needed=("ae_title", "host", "port"),
        taken=("tls", "tls_server_name", "calling_ae_title"),
        proofs=(ProofKind.NONE, ProofKind.COMMITMENT, ProofKind.QUERY),
    ),
    DestinationKind.STOW: Kind(
        needed=("url",),
        taken=("authentication", "username", "secret"),
        proofs=(ProofKind.NONE, ProofKind.QUERY),
    ),
    DestinationKind.FOLDER: Kind(needed=("path",), taken=(), proofs=(ProofKind.NONE,)),
    DestinationKind.S3: Kind(
        needed=("bucket", "username", "secret"),
        taken=("url", "region", "path"),
        proofs=(ProofKind.NONE,),
    ),
}
# What only some kinds have, with the value that says nothing.
_OF_SOME = {name for kind in KINDS.values() for name in kind.fields}
NEUTRAL: dict[str, Any] = {
    field.name: field.get_default() for field in Destination._meta.fields if field.name in _OF_SOME
}


def problems_of(values: Mapping[str, Any]) -> dict[str, str]:
    """What is wrong with a destination, by field; empty when nothing is.

    Args:
        values: every field of a destination as it is to be; ``secret`` is any text when there is one.
    """
    kind = KINDS[values["kind"]]
    found = {name: _("This is needed.") for name in kind.needed if values[name] in {"", None, False}}
    others = (name for name, neutral in NEUTRAL.items() if name not in kind.fields and values[name] != neutral)
    label = DestinationKind(values["kind"]).label
    found |= dict.fromkeys(
        others, _("A destination of the kind “%(label)s” has no such field; leave it out.") % {"label": label}
    )
    found |= {name: words for name, words in _problems_by_kind(values) if name not in found}
    if values["proof"] not in kind.proofs:
        found["proof"] = _("A destination of this kind cannot be asked that.")
    if (values["window_begins_at"] is None) != (values["window_ends_at"] is None):
        missing = "window_begins_at" if values["window_begins_at"] is None else "window_ends_at"
        found[missing] = _("A time window needs a beginning and an end; leave both empty to send at any time.")
    return found


def settle(values: Mapping[str, Any], *, stored: str, entered: str) -> Settled:
    """Check a destination before it is saved, and seal its secret.

    Args:
        values: every field but the secret, as it is to be.
        stored: the sealed secret that it has.
        entered: the new one; empty keeps the other, where it is for the same place.
    """
    wants = takes_secret(values)
    problems = problems_of({**values, "secret": entered or (stored if wants else "")})
    return settled(problems, takes_secret=wants, stored=stored, entered=entered, place=lambda: place_of(values))


def takes_secret(values: Mapping[str, Any]) -> bool:
    """Whether a destination signs in with a secret."""
    is_signed_in = values["kind"] == DestinationKind.STOW and values["authentication"] in sign_in.WITH_SECRET
    return is_signed_in or values["kind"] == DestinationKind.S3


def warnings_of(destination: Destination) -> list[str]:
    """What is allowed and still worth a thought, in sentences."""
    found = []
    if destination.url.lower().startswith("http:"):
        found.append(
            _("Its address is http: patient data and passwords can be read on the way. Use https where you can.")
        )
    if destination.kind == DestinationKind.DICOM and not destination.tls and not is_near(destination.host):
        found.append(_("It is called without TLS: outside of this hospital's network others can read what is sent."))
    if destination.kind == DestinationKind.FOLDER and os.path.ismount(destination.path):
        found.append(
            _(
                "The folder is where a share or disk is mounted. Name a folder inside of it: then "
                "nothing is written to this machine's own disk when it is not mounted."
            )
        )
    return found


def place_of(values: Mapping[str, Any]) -> str:
    """What the secret of a destination is bound to.

    Raises:
        BadAddress: there is no such place.
    """
    return parse_url(endpoint_of(values["kind"], values["url"], values["region"])).origin


def endpoint_of(kind: str, url: str, region: str) -> str:
    """The URL that is called: as given, or that of AWS."""
    return s3.endpoint_of(url, region) if kind == DestinationKind.S3 else url


def s3_service(destination: Destination) -> s3.S3Service:
    """What a destination says of its S3 service."""
    return s3.S3Service(
        name=destination.name,
        endpoint_url=destination.url,
        region=destination.region,
        access_key=destination.username,
        sealed_secret_key=destination.secret,
        timeout_seconds=destination.timeout_seconds,
    )


def _problems_by_kind(values: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    kind = values["kind"]
    if kind == DestinationKind.DICOM:
        yield from _host(values["host"], values["port"])
    elif kind == DestinationKind.FOLDER:
        if words := folder_problem(values["path"]):
            yield "path", words
    elif values["url"]:
        yield from _url(values["url"])
    if kind == DestinationKind.STOW:
        yield from sign_in.problems_of(values["authentication"], values["username"], has_secret=bool(values["secret"]))
    if kind == DestinationKind.S3:
        yield from s3.problems_of(values["bucket"], values["region"], values["path"])


def _host(host: str, port: int) -> Iterable[tuple[str, str]]:
    try:
        check_place(check_host(host), port)
    except BadAddress as error:
        yield "host", str(error)


def _url(url: str) -> Iterable[tuple[str, str]]:
    try:
        parse_url(url)
    except BadAddress as error:
        yield "url", str(error)
