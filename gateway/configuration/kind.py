"""A kind of row of the configuration: how it is written, and how it is read by what checks it on page and API too."""

from collections.abc import Iterable, Mapping
from copy import deepcopy
from difflib import get_close_matches
from functools import cached_property
from typing import Any, ClassVar

from django.db.models import Model
from rest_framework.serializers import BaseSerializer, JSONField, ManyRelatedField

from dicomnet.strict import StrictModelSerializer
from gateway.configuration.secret_references import SecretField

Key = tuple[str, ...]
Values = dict[str, Any]


class Kind:
    """One section of the document. Each kind has its module in ``gateway.configuration.kinds``.

    Attributes:
        name: of the section.
        noun: what one of it is called.
        fields: what an administrator sets, in the order in which they are written.
        key: those that say which row is meant, never a primary key.
        shown: those that are written also where they have their usual value.
        references: those that name rows of other kinds, with the model of these; a row's name stands for it.
    """

    name: ClassVar[str]
    noun: ClassVar[str]
    model: ClassVar[type[Any]]
    serializer: ClassVar[type[StrictModelSerializer]]
    fields: ClassVar[tuple[str, ...]]
    key: ClassVar[tuple[str, ...]] = ("name",)
    shown: ClassVar[frozenset[str]] = frozenset()
    references: ClassVar[Mapping[str, type[Any]]] = {}
    secret: ClassVar[SecretField | None] = None

    def rows(self) -> Iterable[Any]:
        """All that administrators made, in the order of the document."""
        return self.model.objects.order_by(*self.key)  # type: ignore[no-any-return]

    def find(self, key: Key) -> Any:
        """The row that is meant; None: there is none."""
        return self.model.objects.filter(**dict(zip(self.key, key, strict=True))).first()

    def lock(self) -> None:
        """Keep others from changing these rows until the commit."""
        list(self.model.objects.select_for_update(no_key=True).order_by("pk").values_list("pk"))

    def key_of(self, values: Mapping[str, Any]) -> Key:
        """Which row values are about."""
        return tuple(str(values[name]) for name in self.key)

    def title(self, key: Key) -> str:
        """What people call it."""
        return " ".join(filter(None, key))

    def known(self) -> tuple[str, ...]:
        """All fields that an entry may have."""
        return (*self.fields, self.secret.name) if self.secret else self.fields

    def values_of(self, row: Any) -> Values:
        """Every field as the document writes it, but not the secret."""
        return {name: self._written(row, name) for name in self.fields}

    @cached_property
    def usual(self) -> Values:
        """What is meant where a field is left out."""
        fresh = self.model()
        written = {name: self._written(fresh, name) for name in self.fields}
        return {name: value for name, value in written.items() if value is not None or self._may_be_none(name)}

    def without_usual(self, values: Mapping[str, Any]) -> Values:
        """What has to be written of these values."""
        shown = self.shown | {name for name in self.key if values[name] != ""}
        return {
            name: value
            for name, value in values.items()
            if name in shown or name not in self.usual or value != self.usual[name]
        }

    def with_usual(self, entry: Mapping[str, Any]) -> Values:
        """An entry of a document with what it leaves out."""
        return deepcopy(self.usual) | {name: value for name, value in entry.items() if name in self.fields}

    def data_of(self, values: Mapping[str, Any]) -> Values:
        """What of these values the serializer takes."""
        return {name: value for name, value in values.items() if name in self._form.fields}

    def missing(self, entry: Mapping[str, Any]) -> Iterable[str]:
        """Fields that this entry must name, beside those that have no usual value."""
        return [name for name in self.key if name not in entry and not self.model._meta.get_field(name).blank]

    def is_list(self, name: str) -> bool:
        """Whether a field names several rows."""
        return isinstance(self._form.fields[name], ManyRelatedField)

    def save(self, serializer: BaseSerializer[Any], values: Values, *, author: Any, reason: str) -> Any:
        """Save what was found valid.

        Raises:
            ValidationError: of the REST framework, about what only shows now.
        """
        return serializer.save()

    def remove(self, row: Any) -> None:
        """Take a row away.

        Raises:
            ProtectedError: it is part of a record.
        """
        row.delete()

    def turn_off(self, row: Any) -> None:
        """Have a row that cannot be removed do nothing."""
        row.is_enabled = False
        row.save(update_fields=["is_enabled"])

    def warnings(self, row: Any) -> list[str]:
        """What is allowed and still worth a thought, in sentences."""
        return []

    def unknown(self, entry: Mapping[str, Any], known: Iterable[str] | None = None) -> dict[str, str]:
        """What is wrong with the names of an entry's fields."""
        names = list(known or self.known())
        found = {}
        for name in entry:
            if name not in names:
                near = get_close_matches(name, names, n=1)
                meant = f"; did you mean {near[0]}? Correct" if near else ": correct"
                found[name] = f"There is no such field{meant} or remove it."
        return found

    @cached_property
    def _form(self) -> Any:
        return self.serializer()

    def _may_be_none(self, name: str) -> bool:
        return bool(self._form.fields[name].allow_null)

    def _written(self, row: Model, name: str) -> Any:
        if name in self.references:
            return self._names(row, name)
        field = self._form.fields[name]
        value = field.get_attribute(row)
        if isinstance(field, JSONField):
            return _in_order(value)
        return None if value is None else field.to_representation(value)

    def _names(self, row: Model, name: str) -> Any:
        if not self.is_list(name):
            other = getattr(row, name, None) if row.pk else None
            return other.name if other else None
        return sorted(other.name for other in getattr(row, name).all()) if row.pk else []


def _in_order(value: Any) -> Any:
    """JSON with sorted keys: one database keeps them as they came, the other in an order of its own."""
    if isinstance(value, dict):
        return {key: _in_order(value[key]) for key in sorted(value)}
    return [_in_order(each) for each in value] if isinstance(value, list) else value
