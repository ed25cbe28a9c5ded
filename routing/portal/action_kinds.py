"""What the editor of a rule's actions offers: the kinds of routing.actions, and how each field is typed."""

from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from routing.action_kinds import KINDS, Kind


@dataclass(frozen=True)
class ActionField:
    """One value of an action.

    Attributes:
        form: ``text``, ``attribute`` (with suggestions), ``list``, or ``table`` (``old = new``, separated by commas).
        choices: when there are only these; of a list any number of them.
        is_optional: it may be left out.
    """

    name: str
    label: str
    placeholder: str
    form: str
    choices: tuple[tuple[str, str], ...]
    is_optional: bool


@dataclass(frozen=True)
class ActionKind:
    """One kind of action."""

    name: str
    label: str
    fields: tuple[ActionField, ...]


_FORMS = {"attribute": "attribute", "from": "attribute", "table": "table", "options": "list"}
_PLACEHOLDERS = {
    "attribute": "StudyDescription",
    "from": gettext_noop("from AccessionNumber"),
    "table": gettext_noop("OLD = NEW, OTHER = NEW2"),
    "project": gettext_noop("project for pseudonyms"),
    "reason": gettext_noop("why, in words"),
}


def _field(kind: Kind, name: str) -> ActionField:
    label = _(kind.fields[name])
    choices = tuple((value, _(words)) for value, words in kind.choices.get(name, {}).items())
    form = _FORMS.get(name, "text")
    return ActionField(name, label, _(_PLACEHOLDERS.get(name, label)), form, choices, name in kind.optional)


def action_kinds() -> tuple[ActionKind, ...]:
    """All of them, in the language of whoever looks."""
    return tuple(
        ActionKind(name, _(kind.label), tuple(_field(kind, each) for each in kind.fields))
        for name, kind in KINDS.items()
    )
