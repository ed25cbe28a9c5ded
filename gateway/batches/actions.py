"""What a batch does with each study: who may, what has to be chosen, and how one is done, as its own page does it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from django import forms
from django.db import transaction
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from gateway.accounts.models import User
from gateway.batches.models import BatchAction
from routing.models import Destination
from routing.queue import replay, send_by_hand
from studies.labels import clean_label, give_label, is_legal_hold, take_label
from studies.models import LO_LENGTH, Study, Tier
from tiering.ask import ask_for_move, check_tier
from tiering.errors import MoveRefused
from tiering.events import moves_due
from tiering.models import Move
from tiering.selectors import tiers_with_locations


class StudyRefused(Exception):
    """Nothing is done with this study; says why."""


class NothingToChoose(forms.Form):
    """For an action that needs no choice."""


class SendForm(forms.Form):
    """Where to."""

    destinations = forms.ModelMultipleChoiceField(
        Destination.objects.only("name", "is_enabled"), widget=forms.CheckboxSelectMultiple, label=_("Destinations")
    )

    def clean_destinations(self) -> list[int]:
        """As primary keys, which a row can hold."""
        return [destination.pk for destination in self.cleaned_data["destinations"]]


class MoveForm(forms.Form):
    """Which tier."""

    tier = forms.ChoiceField(label=_("Tier"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        tier = self.fields["tier"]
        assert isinstance(tier, forms.ChoiceField)  # noqa: S101 (tells the type checker)
        tier.choices = tiers_with_locations()

    def clean_tier(self) -> str:
        """One that something can go to."""
        try:
            check_tier(self.cleaned_data["tier"])
        except MoveRefused as error:
            raise forms.ValidationError(str(error)) from error
        return str(self.cleaned_data["tier"])


class LabelForm(forms.Form):
    """Which label."""

    label = forms.CharField(
        max_length=LO_LENGTH, label=_("Label"), widget=forms.TextInput(attrs={"autocomplete": "off"})
    )

    def clean_label(self) -> str:
        """As it is kept."""
        label = clean_label(self.cleaned_data["label"])
        if not label:
            raise forms.ValidationError(_("Write a label that can be read."))
        return label


@dataclass(frozen=True)
class Action:
    """One kind of batch.

    Attributes:
        permission: the one that the action on a single study asks for.
        carry_out: does it with one study, within the caller's transaction, and says what came of it; or raises
            StudyRefused.
        note: what people should know before they confirm.
    """

    permission: str
    form: type[forms.Form]
    carry_out: Callable[[Study, Mapping[str, Any], User], str]
    note: str | Promise


def _send(study: Study, options: Mapping[str, Any], user: User) -> str:
    destinations = list(Destination.objects.filter(pk__in=options["destinations"]))
    if not destinations:
        raise StudyRefused(gettext_noop("The destination was deleted meanwhile."))
    for destination in destinations:
        count = send_by_hand(study, destination, by=user.get_username())
    return f"{_instances(count)} on the way to {', '.join(each.name for each in destinations)}"


def _replay(study: Study, options: Mapping[str, Any], user: User) -> str:
    count = replay(study)
    if not count:
        raise StudyRefused(gettext_noop("It was sent nowhere yet, or is being sent just now."))
    return f"{count} {'delivery' if count == 1 else 'deliveries'} made again"


def _move(study: Study, options: Mapping[str, Any], user: User) -> str:
    tier = options["tier"]
    if study.tier == tier:
        raise StudyRefused(gettext_noop("It is on that tier already."))
    try:
        ask_for_move(study, tier, by=user.get_username())
    except MoveRefused as error:
        raise StudyRefused(str(error)) from error
    transaction.on_commit(lambda: moves_due.send(Move))
    return f"Goes to the tier {str(Tier(tier).label).lower()}"


def _label(study: Study, options: Mapping[str, Any], user: User) -> str:
    if not give_label(study, options["label"], by=user.get_username()):
        raise StudyRefused(gettext_noop("It has this label already, or as many as a study may have."))
    return gettext_noop("Labelled")


def _unlabel(study: Study, options: Mapping[str, Any], user: User) -> str:
    if not may_take(user, options["label"]):
        raise StudyRefused(gettext_noop("Only administrators end a legal hold."))
    if not take_label(study, options["label"]):
        raise StudyRefused(gettext_noop("It does not have this label."))
    return gettext_noop("Label removed")


def may_take(user: User, label: str) -> bool:
    """Whether a person who may change studies may take this label off: a legal hold is for administrators to end."""
    return not is_legal_hold(label) or user.has_perm("studies.delete_studylabel")


def _instances(count: int) -> str:
    return f"{count:,} instance{'' if count == 1 else 's'}"


ACTIONS: Mapping[str, Action] = MappingProxyType(
    {
        BatchAction.SEND: Action(
            "routing.change_delivery",
            SendForm,
            _send,
            _("All instances of each study go, whatever the rules say of it; what went there before goes again."),
        ),
        BatchAction.REPLAY: Action(
            "routing.change_delivery",
            NothingToChoose,
            _replay,
            _("Each study goes again to all destinations that it went to before, what was delivered already too."),
        ),
        BatchAction.MOVE: Action(
            "tiering.add_move",
            MoveForm,
            _move,
            _("The studies can be read meanwhile; every copy is read back and proven."),
        ),
        BatchAction.LABEL: Action(
            "studies.change_study",
            LabelForm,
            _label,
            _("Labels are for lists and policies. “Legal hold” keeps a study from being deleted and from policies."),
        ),
        BatchAction.UNLABEL: Action(
            "studies.change_study", LabelForm, _unlabel, _("Studies that do not have the label stay as they are.")
        ),
    }
)
