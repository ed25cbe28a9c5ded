"""What studies can be filtered by: the senders, modalities and labels that occur, each once."""

from dataclasses import dataclass, field

from django.db import connection

from studies.sight import current_sight

MAXIMUM = 500  # of each: more is no list to choose from
_COLUMNS = {
    "senders": ("studies_study", "calling_ae_title"),
    "modalities": ("studies_series", "modality"),
    "labels": ("studies_studylabel", "label"),
}
_OF_STUDIES = {
    "senders": "studies_study s WHERE s.calling_ae_title",
    "modalities": "studies_series e JOIN studies_study s ON s.id = e.study_id WHERE e.modality",
    "labels": "studies_studylabel l JOIN studies_study s ON s.id = l.study_id WHERE l.label",
}


@dataclass(frozen=True)
class Choices:
    """Values in alphabetical order; empty ones are left out."""

    senders: list[str] = field(default_factory=list)
    modalities: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)


def list_choices() -> Choices:
    """All three in one query, which leaps through an index of each from one value to the next.

    DISTINCT would read every row: with a million studies that takes longer than the page that asks for it.
    """
    found = Choices()
    with connection.cursor() as cursor:
        cursor.execute(*_sql())
        for kind, value in cursor.fetchall():
            if value:
                getattr(found, kind).append(value)
    for values in (found.senders, found.modalities, found.labels):
        values.sort()
    return found


def _sql() -> tuple[str, tuple[str, ...]]:
    sight = current_sight()
    condition, params = ("", ()) if sight is None else sight.sql("s")
    leaps = ", ".join(
        f"{kind}(value, number) AS (SELECT MIN({column}), 1 FROM {table} UNION ALL"  # noqa: S608 (names of our own)
        f" SELECT (SELECT MIN({column}) FROM {table} WHERE {column} > {kind}.value), number + 1"
        f" FROM {kind} WHERE value IS NOT NULL AND number <= {MAXIMUM})"
        for kind, (table, column) in _COLUMNS.items()
    )
    union = " UNION ALL ".join(
        f"SELECT '{kind}', value FROM {kind} WHERE value IS NOT NULL{_seen(kind, condition)}"  # noqa: S608
        for kind in _COLUMNS
    )
    return f"WITH RECURSIVE {leaps} {union}", params * len(_COLUMNS)


def _seen(kind: str, condition: str) -> str:
    """That a study which is seen has the value, where not all are seen."""
    if not condition:
        return ""
    return f" AND EXISTS (SELECT 1 FROM {_OF_STUDIES[kind]} = {kind}.value AND {condition})"  # noqa: S608 (names of ours)
