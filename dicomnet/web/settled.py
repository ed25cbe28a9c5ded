"""A service that is about to be saved with its secret: what is wrong with it, or the secret sealed for its place."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from dicomnet.web.secrets import SecretUnusable, resealed, secret_problem


@dataclass(frozen=True)
class Settled:
    """What came of it.

    Attributes:
        problems: by field; empty when it may be saved.
        secret: sealed, to be stored; empty when it takes none.
    """

    problems: dict[str, str]
    secret: str = ""


def settled(
    problems: Mapping[str, str],
    *,
    takes_secret: bool,
    stored: str,
    entered: str,
    place: Callable[[], str],
    field: str = "secret",
) -> Settled:
    """Settle the secret of a service whose other fields were looked at.

    Args:
        problems: what is wrong with these, by field.
        takes_secret: whether it signs in with one.
        stored: the sealed secret that it has.
        entered: the new one; empty keeps the other, where it is for the same place.
        place: what the secret is bound to; only asked for when nothing is wrong.
        field: what the secret is called.
    """
    found = dict(problems)
    if entered and (words := secret_problem(entered)):
        found.setdefault(field, words)
    if found or not takes_secret:
        return Settled(found)
    try:
        return Settled({}, resealed(stored, entered, place=place()))
    except SecretUnusable as error:
        words = str(error)
        return Settled({field: f"{words[0].upper()}{words[1:]}."})
