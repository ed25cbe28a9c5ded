"""Actions of rules: parsed from the JSON of ``Rule.actions``, and checked. Pure.

An action is an object such as ``{"action": "set", "attribute": "InstitutionName", "value": "Site A"}``. Those that
change an instance are carried out in their order; compression is always the last.
"""

from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from routing.action_kinds import KINDS
from routing.action_types import (
    Action,
    BadAction,
    Change,
    Compress,
    Deidentify,
    Discard,
    FetchPriors,
    Label,
    NewUids,
    SetTier,
)
from routing.changeable import NotChangeable

MAXIMUM_ACTIONS = 100


def parse_actions(value: Any) -> tuple[Action, ...]:
    """Check the JSON of a rule's actions.

    Raises:
        BadAction: it is not a list of actions; nothing of it may be used.
    """
    if not isinstance(value, list):
        raise BadAction(_('Actions are a list, such as [{"action": "remove", "attribute": "PatientComments"}].'))
    if len(value) > MAXIMUM_ACTIONS:
        raise BadAction(
            _("A rule has at most %(maximum)s actions; make two rules of it.") % {"maximum": MAXIMUM_ACTIONS}
        )
    actions = tuple(_parse(item, _("Action %(number)s") % {"number": number}) for number, item in enumerate(value, 1))
    for kind in (Deidentify, Compress, Discard, NewUids, SetTier, FetchPriors):
        if sum(isinstance(action, kind) for action in actions) > 1:
            raise BadAction(_("The action %(name)s may stand in a rule once.") % {"name": _name(kind)})
    return actions


def changes_of(actions: tuple[Action, ...]) -> tuple[Change, ...]:
    """Those that change what is sent."""
    return tuple(action for action in actions if not isinstance(action, Label | SetTier | FetchPriors | Discard))


def validate_actions(value: Any) -> None:
    """Django validator for the JSON of a rule's actions."""
    try:
        parse_actions(value)
    except BadAction as error:
        raise ValidationError(str(error)) from error


def _parse(item: Any, where: str) -> Action:
    if not isinstance(item, dict):
        raise BadAction(_("%(where)s must be an object with the field action.") % {"where": where})
    kind = KINDS.get(item.get("action", "")) if isinstance(item.get("action", ""), str) else None
    if kind is None:
        raise BadAction(
            _("%(where)s has no known kind: its field action must be one of %(known)s.")
            % {"where": where, "known": ", ".join(KINDS)}
        )
    name, given = item["action"], set(item) - {"action"}
    if unknown := given - set(kind.fields):
        raise BadAction(
            _("%(where)s (%(name)s) has an unknown field: %(names)s.")
            % {"where": where, "name": name, "names": ", ".join(sorted(map(str, unknown)))}
        )
    if missing := set(kind.fields) - kind.optional - given:
        raise BadAction(
            _("%(where)s (%(name)s) lacks the field %(missing)s.")
            % {"where": where, "name": name, "missing": ", ".join(sorted(missing))}
        )
    try:
        return kind.parse(item)
    except (BadAction, NotChangeable) as error:
        raise BadAction(f"{where} ({name}): {error}") from error


def _name(kind: type[Action]) -> str:
    return {
        Deidentify: "deidentify",
        Compress: "compress",
        Discard: "discard",
        NewUids: "new_uids",
        SetTier: "set_tier",
        FetchPriors: "fetch_priors",
    }[kind]
