"""Every change of the configuration, by whichever door: which row, which of its fields, and never what a secret is.

What is a number, a choice or a switch is told with its old and new value, for that is what a reviewer asks about: who
became an administrator, what was turned off. Of all else the field's name is told.
"""

from collections.abc import Mapping
from typing import Any

from django.apps import apps
from django.db.models import BooleanField, IntegerField, Model
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_save
from django.utils.translation import override

from dicomnet.audit import Action, Entry
from gateway.audit.record import record

# Models by label, and fields that the gateway itself writes in them. Fields that nobody may edit count as such anyway.
CONFIGURATION: Mapping[str, frozenset[str]] = {
    "accounts.User": frozenset({"last_login", "date_joined"}),
    "accounts.ApiKey": frozenset(),
    "accounts.Site": frozenset(),
    "dicomnet.AllowlistEntry": frozenset(),
    "dicomnet.RemoteNode": frozenset(),
    "routing.Destination": frozenset(),
    "routing.Rule": frozenset(),
    "routing.RuleVersion": frozenset(),
    "routing.AIPool": frozenset(),
    "routing.AIWorker": frozenset(),
    "studies.StudyLabel": frozenset(),
    "tiering.Location": frozenset(),
    "tiering.Policy": frozenset({"is_clearing"}),
    "tiering.DataKey": frozenset(),
    "spanner.Source": frozenset(),
    "spanner.SpanningConfig": frozenset(),
    "spanner.ConfigSource": frozenset(),
    "webhooks.Webhook": frozenset(),
}
# Which rows a row has, by the field: what a user or a key is given to see.
_GIVEN = {"accounts.User": "sites", "accounts.ApiKey": "sites"}
_SECRETS = frozenset({"password", "secret", "former_secret", "secret_key", "hashed_key", "wrapped"})
_BEFORE = "_audit_before"


def listen() -> None:
    """Connect the receivers of every model of the table."""
    for label in CONFIGURATION:
        model = apps.get_model(label)
        pre_save.connect(remember, sender=model, dispatch_uid="audit")
        post_save.connect(saved, sender=model, dispatch_uid="audit")
        post_delete.connect(removed, sender=model, dispatch_uid="audit")
    for label, name in _GIVEN.items():
        through = getattr(apps.get_model(label), name).through
        m2m_changed.connect(given, sender=through, dispatch_uid="audit")


def remember(instance: Any, raw: bool = False, **kwargs: Any) -> None:
    """Keep what the row says before it is saved."""
    before = None
    if instance.pk is not None and not raw:
        before = type(instance)._base_manager.filter(pk=instance.pk).values(*_names(instance)).first()
    setattr(instance, _BEFORE, before)


def saved(instance: Any, created: bool, raw: bool = False, **kwargs: Any) -> None:
    """A row is new, or says something else."""
    if raw:
        return
    before = instance.__dict__.pop(_BEFORE, None)
    if created or before is None:
        record(_entry(Action.CREATED, instance))
        return
    changed = [name for name in _names(instance) if before[name] != getattr(instance, name)]
    if changed:
        detail = {"fields": sorted(changed)} | _values(instance, before, changed)
        record(_entry(Action.CHANGED, instance, detail))


def removed(instance: Any, **kwargs: Any) -> None:
    """A row is gone."""
    record(_entry(Action.REMOVED, instance))


def given(instance: Any, action: str, reverse: bool, **kwargs: Any) -> None:
    """A row has others than before; their names are told."""
    if reverse or action not in {"post_add", "post_remove", "post_clear"}:
        return
    name = _GIVEN[instance._meta.label]
    names = sorted(str(each) for each in getattr(instance, name).all())
    record(_entry(Action.CHANGED, instance, {"fields": [name], name: names}))


def subject_of(instance: Model) -> str:
    """The kind of row, its key and its name, in English whoever asks: records are compared and searched."""
    key = getattr(instance, "prefix", instance.pk)  # the primary key of an API key holds its hash
    with override("en"):
        return f"{instance._meta.verbose_name} {key}: {instance}"


def _names(instance: Model) -> list[str]:
    machine = CONFIGURATION[instance._meta.label]
    return [
        field.attname
        for field in instance._meta.concrete_fields
        if not field.primary_key and field.name not in machine and _is_edited(field)
    ]


def _is_edited(field: Any) -> bool:
    return field.name in _SECRETS or (field.editable and not getattr(field, "auto_now", False))


def _values(instance: Model, before: Mapping[str, Any], changed: list[str]) -> dict[str, Any]:
    told = {}
    for name in changed:
        field: Any = instance._meta.get_field(name)
        if name not in _SECRETS and (field.choices or isinstance(field, BooleanField | IntegerField)):
            told[name] = [before[name], getattr(instance, name)]
    return {"values": told} if told else {}


def _entry(action: Action, instance: Any, detail: Mapping[str, Any] | None = None) -> Entry:
    study = instance.study if instance._meta.label == "studies.StudyLabel" else None
    return Entry(
        action,
        subject=subject_of(instance),
        study_instance_uid=study.study_instance_uid if study else "",
        patient_id=study.patient_id if study else "",
        detail=detail or {},
    )
