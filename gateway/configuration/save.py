"""Save one entry of a document: what it names is found, its secret fetched, and its serializer asked."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from rest_framework.exceptions import ValidationError

from dicomnet.web.addresses import BadAddress
from dicomnet.web.secrets import SecretUnusable, unseal
from gateway.configuration.changes import Change, What, as_added, differences
from gateway.configuration.entries import Given
from gateway.configuration.kind import Values
from gateway.configuration.order import Order
from gateway.configuration.parse import Document
from gateway.configuration.problems import BadDocument, Path, Problem
from gateway.configuration.secret_references import KEPT, BadReference, SecretField, resolve

_STANDS_IN = "x"  # for a secret that cannot be had, so that what else is wrong shows too


@dataclass(frozen=True)
class Saved:
    """What became of an entry.

    Attributes:
        change: None: the row is as it was.
    """

    change: Change | None
    warnings: tuple[str, ...] = ()


def put(given: Given, document: Document, order: Order) -> Saved:
    """Make the row what the entry says.

    Raises:
        BadDocument: the entry is not valid.
    """
    kind = given.kind
    row = kind.find(given.key)
    before = kind.values_of(row) if row is not None else None
    values = kind.with_usual(given.entry)
    problems = list[Problem]()
    try:
        entered = _entered(given, row, values, document, order)
    except BadDocument as error:
        problems, entered = list(error.problems), _STANDS_IN if _takes_secret(given, values) else ""
    if before is not None and values == before and not entered:
        return Saved(None)
    data = kind.data_of(_with_rows(given, values, document))
    if kind.secret and entered:
        data[kind.secret.name] = entered
    if order.reason and kind.name == "rules":
        data["reason"] = order.reason
    serializer = kind.serializer(row, data=data)
    try:
        serializer.is_valid(raise_exception=True)
        if not problems:
            row = kind.save(serializer, values, author=order.author, reason=order.reason)
    except ValidationError as error:
        problems += _problems(error.detail, given.path, document)
    if problems:
        raise BadDocument(problems)
    row = kind.model.objects.get(pk=row.pk)
    after = kind.values_of(row)
    secret = kind.secret.name if kind.secret else ""
    if before is None:
        what, fields = What.ADDED, as_added(kind.without_usual(after), kind.key, secret if entered else "")
    else:
        what, fields = What.CHANGED, differences(before, after, secret if entered else "")
        if not fields:
            return Saved(None)
    title = kind.title(given.key)
    warnings = tuple(f"{title}: {words}" for words in kind.warnings(row))
    return Saved(Change(kind.name, kind.noun, title, what, fields), warnings)


def _with_rows(given: Given, values: Values, document: Document) -> Values:
    """The values, with keys of rows where the document has names."""
    found, problems = dict(values), list[Problem]()
    for field, model in given.kind.references.items():
        if field not in values:
            continue
        named = values[field] if given.kind.is_list(field) else [values[field]]
        path = (*given.path, field)
        if not isinstance(named, list) or not all(isinstance(name, str) for name in named):
            problems.append(document.problem(path, "Give the names, as a list of texts."))
            continue
        rows = dict(model.objects.filter(name__in=named).values_list("name", "pk"))
        noun = model._meta.verbose_name
        for number, name in enumerate(named):
            if name not in rows:
                words = f"There is no {noun} {name[:64]}: add it to the document, or correct the name."
                place = (*path, number) if given.kind.is_list(field) else path
                problems.append(document.problem(place, words, follows=name in given.beside.get(model, ())))
        keys = [rows.get(name) for name in named]
        found[field] = keys if given.kind.is_list(field) else keys[0]
    if problems:
        raise BadDocument(problems)
    return found


def _entered(given: Given, row: Any, values: Values, document: Document, order: Order) -> str:
    """The secret that the row does not have yet; empty: it has it, or takes none."""
    secret = given.kind.secret
    if secret is None:
        return ""
    texts = _texts(values)
    reference = given.entry.get(secret.name)
    path = (*given.path, secret.name)
    if not _takes_secret(given, values):
        if reference is not None:
            raise BadDocument([document.problem(path, "It signs in without a secret: leave this out.")])
        return ""
    stored = getattr(row, secret.name) if row is not None else ""
    has = _opened(stored, secret, texts)
    try:
        wanted = _wanted(given, secret, reference, texts, order, bool(stored))
    except (BadReference, SecretUnusable) as error:
        words = str(error)
        raise BadDocument([document.problem(path, f"{words[0].upper()}{words[1:].rstrip('.')}.")]) from error
    return "" if wanted is None or wanted == has else wanted


def _takes_secret(given: Given, values: Values) -> bool:
    return given.kind.secret is not None and given.kind.secret.is_taken(_texts(values))


def _texts(values: Values) -> dict[str, str]:
    """Values to look at before they are checked; what is no text is told by the serializer."""
    return {name: value if isinstance(value, str) else "" for name, value in values.items()}


def _wanted(
    given: Given, secret: SecretField, reference: Any, values: Mapping[str, str], order: Order, has_stored: bool
) -> str | None:
    """The secret that the entry asks for; None: whatever the row has."""
    name = given.kind.title(given.key)
    if reference is None:
        raise BadReference("this is needed: write kept, {from: env, name: VARIABLE} or {from: file, name: FILE}")
    if reference != KEPT:
        return resolve(reference)
    sealed = order.kept.get(given.kind.name, {}).get(name, "")
    if sealed:
        with suppress(BadAddress):
            return unseal(sealed, place=secret.place(values))
    if not has_stored:
        raise BadReference(
            f"{name} has no secret here that could be kept: write {{from: env, name: {secret.prefix}_…}} and set that "
            "variable, or {from: file, name: FILE}"
        )
    return None


def _opened(stored: str, secret: SecretField, values: Mapping[str, str]) -> str | None:
    """The secret that the row has for this place; None: it has none."""
    if stored:
        with suppress(BadAddress, SecretUnusable):
            return unseal(stored, place=secret.place(values))
    return None


def _problems(detail: Any, path: Path, document: Document) -> Iterator[Problem]:
    """The errors of a serializer, each at its place."""
    if isinstance(detail, dict):
        for name, inner in detail.items():
            part: Path = () if name == "non_field_errors" else (int(name) if name.isdecimal() else name,)
            yield from _problems(inner, (*path, *part), document)
    elif isinstance(detail, list):
        for inner in detail:
            yield from _problems(inner, path, document)
    else:
        yield document.problem(path, str(detail))
