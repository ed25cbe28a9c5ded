"""Search in the audit trail, the latest first: filters of the page and of the API, and the records that they want."""

import re
from datetime import datetime, time, timedelta
from typing import Any

from django import forms
from django.db.models import Count, Max, Min, Q, QuerySet
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.translation import gettext_lazy as _

from dicomnet.audit import Action, ActorKind
from gateway.audit.models import AuditRecord
from gateway.audit.segments import archived_until
from studies.sight import current_sight

PAGE, LONGEST_PAGE = 100, 1_000
_LOST_PLUS = re.compile(r"(?<=:\d\d) (\d\d:\d\d)$")
_TEXTS = ("actor", "address", "patient_id", "study_instance_uid", "subject", "detail")
# What a patient's disclosure report holds: who saw, sent or asked about the patient, and not what came in.
DISCLOSURES = (Action.ACCESSED, Action.EXPORTED, Action.QUERIED, Action.SENT, Action.DELETED)


def moment_of(text: str, *, is_end: bool) -> datetime | None:
    """An aware moment by a day or a moment of ISO 8601, where a day is its beginning or its end; None for nothing.

    Raises:
        ValueError: it is neither; the message is for people.
    """
    # A plus that was not escaped in an address is a space by now.
    text = _LOST_PLUS.sub(r"+\1", text.strip())
    if not text:
        return None
    try:
        day, moment = parse_date(text), parse_datetime(text)
    except ValueError:
        day = moment = None
    if day is not None:
        moment = datetime.combine(day, time()) + (timedelta(days=1) if is_end else timedelta())
    if moment is None:
        raise ValueError(_("Give a day such as 2026-11-28, or a moment such as 2026-11-28T10:15:00Z."))
    return moment if moment.tzinfo else timezone.make_aware(moment)


class MomentField(forms.Field):
    """A day or a moment of ISO 8601; a day means its beginning or its end, in the site's time zone."""

    def __init__(self, *, is_end: bool) -> None:
        """Say which."""
        super().__init__(required=False)
        self._is_end = is_end

    def to_python(self, value: Any) -> datetime | None:
        """An aware moment; None for nothing.

        Raises:
            ValidationError: it is neither.
        """
        try:
            return moment_of(str(value or ""), is_end=self._is_end)
        except ValueError as error:
            raise forms.ValidationError(str(error)) from error


class AuditFilter(forms.Form):
    """What is looked for; every field may be empty."""

    q = forms.CharField(max_length=200, required=False, label=_("Text"))
    actor = forms.CharField(max_length=150, required=False, label=_("Who"))
    action = forms.ChoiceField(choices=[("", _("Any act")), *Action.choices], required=False, label=_("Act"))
    patient_id = forms.CharField(max_length=64, required=False, label=_("Patient ID"), strip=False)
    study_instance_uid = forms.CharField(max_length=64, required=False, label=_("Study Instance UID"))
    disclosures = forms.BooleanField(required=False, label=_("Who saw, sent or searched only"))
    before = forms.IntegerField(min_value=1, max_value=2**63 - 1, required=False)
    limit = forms.IntegerField(min_value=1, max_value=LONGEST_PAGE, required=False)

    def __init__(self, data: Any) -> None:
        """Take what the address says."""
        super().__init__(data)
        self.fields["from"], self.fields["to"] = MomentField(is_end=False), MomentField(is_end=True)

    @property
    def values(self) -> dict[str, Any]:
        """What is valid of it."""
        self.is_valid()
        return self.cleaned_data

    def is_filtered(self) -> bool:
        """Whether it leaves anything out."""
        return any(value for name, value in self.values.items() if name not in {"before", "limit"})

    def records(self) -> QuerySet[AuditRecord]:
        """All records that are wanted, the latest first."""
        given = self.values
        found = _seen().order_by("-pk")
        for name in ("actor", "action", "patient_id", "study_instance_uid"):
            if given.get(name):
                found = found.filter(**{name: given[name]})
        if given.get("disclosures"):
            found = found.filter(action__in=DISCLOSURES)
        if given.get("from"):
            found = found.filter(at__gte=given["from"])
        if given.get("to"):
            found = found.filter(at__lt=given["to"])
        if given.get("q"):
            found = found.filter(_text(given["q"]))
        return found

    def archived_until(self) -> datetime | None:
        """The latest archived record, where the period reaches into what is archived and is not searched; else None."""
        return archived_until(self.values.get("from"), self.values.get("to"))

    def page(self) -> tuple[list[AuditRecord], int | None]:
        """The records of one page, and what the next one is asked for with (``before``); None: there is no other."""
        given = self.values
        found, length = self.records(), given.get("limit") or PAGE
        if given.get("before"):
            found = found.filter(pk__lt=given["before"])
        rows = list(found[: length + 1])
        return rows[:length], rows[length - 1].pk if len(rows) > length else None


def disclosures(patient_id: str) -> list[dict[str, Any]]:
    """Who saw, sent, searched or deleted what is a patient's: for each person and act how often, first and last."""
    found = _seen().filter(patient_id=patient_id, action__in=DISCLOSURES).order_by()
    sums = found.values("actor", "actor_kind", "action", "study_instance_uid").annotate(
        count=Count("pk"), first=Min("at"), last=Max("at")
    )
    kinds, acts = dict(ActorKind.choices), dict(Action.choices)
    return [
        row | {"kind": kinds.get(row["actor_kind"], row["actor_kind"]), "act": acts.get(row["action"], row["action"])}
        for row in sums.order_by("-last")[:LONGEST_PAGE]
    ]


def _seen() -> QuerySet[AuditRecord]:
    """Records that name no patient and no study, and those of studies that are seen."""
    sight = current_sight()
    if sight is None:
        return AuditRecord.objects.all()
    names_nobody = Q(study_instance_uid="", patient_id="") & ~Q(subject__contains="/studies/")
    return AuditRecord.objects.filter(names_nobody | sight.named("study_instance_uid"))


def _text(q: str) -> Q:
    wanted = Q()
    for name in _TEXTS:
        wanted |= Q(**{f"{name}__icontains": q})
    return wanted
