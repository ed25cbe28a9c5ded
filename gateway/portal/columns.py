"""The columns of the study list, of which each person chooses."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from gateway.accounts.models import User

STUDY_LIST = "studies"  # as the person's choice names it


@dataclass(frozen=True)
class Column:
    """One column; whoever has chosen nothing sees those that are shown by default."""

    name: str
    label: str | Promise
    is_default: bool = True


# In the order of the list. The patient's name is always there: it is the link to the study.
COLUMNS = (
    Column("patient_id", _("Patient ID")),
    Column("birth_date", _("Born")),
    Column("study_date", _("Study date")),
    Column("modality", _("Modality")),
    Column("description", _("Description")),
    Column("accession_number", _("Accession")),
    Column("counts", _("Series and instances")),
    Column("size", _("Size"), is_default=False),
    Column("sender", _("From")),
    Column("received", _("Received")),
    Column("tier", _("Tier"), is_default=False),
    Column("labels", _("Labels"), is_default=False),
    Column("completeness", _("Completeness"), is_default=False),
    Column("deliveries", _("Deliveries")),
)
NAMES = frozenset(column.name for column in COLUMNS)
DEFAULT = frozenset(column.name for column in COLUMNS if column.is_default)


def chosen_columns(user: User) -> frozenset[str] | None:
    """Names of the columns that a person chose; None when the person has not."""
    chosen = user.list_columns.get(STUDY_LIST)
    return None if chosen is None else NAMES.intersection(chosen)


def choose_columns(user: User, names: Iterable[str]) -> None:
    """Keep what a person chose; names that are no columns are passed over."""
    wanted = set(names)
    _keep(user, [column.name for column in COLUMNS if column.name in wanted])


def forget_columns(user: User) -> None:
    """Show the default again."""
    _keep(user, None)


def _keep(user: User, names: Collection[str] | None) -> None:
    others = {key: value for key, value in user.list_columns.items() if key != STUDY_LIST}
    user.list_columns = others if names is None else others | {STUDY_LIST: names}
    user.save(update_fields=["list_columns"])
