"""What the editor of a rule's actions offers: the kinds of routing.actions, and how each field is typed."""

from dataclasses import dataclass

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
    "from": "from AccessionNumber",
    "table": "OLD = NEW, OTHER = NEW2",
    "project": "project for pseudonyms",
    "reason": "why, in words",
}


def _field(kind: Kind, name: str) -> ActionField:
    label = kind.fields[name]
    choices = tuple(kind.choices.get(name, {}).items())
    form = _FORMS.get(name, "text")
    return ActionField(name, label, _PLACEHOLDERS.get(name, label), form, choices, name in kind.optional)


ACTION_KINDS = tuple(
    ActionKind(name, kind.label, tuple(_field(kind, each) for each in kind.fields)) for name, kind in KINDS.items()
)
