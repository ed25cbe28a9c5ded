"""The stored instances behind an address, and the archive's errors as HTTP says them: this door's table."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection
from django.http import HttpRequest
from rest_framework.exceptions import APIException, NotAcceptable, NotFound

from studies.children import Busy
from studies.errors import (
    CannotDecode,
    InstanceDamaged,
    InstanceMissing,
    InstanceOffline,
    NoPixels,
    NoSuchFrame,
    NoSuchValue,
)
from studies.models import Instance, Series, Study
from studies.problems import Recalled
from studies.sight import current_sight

_NOTHING = "Nothing is stored under these UIDs."
_WANTED = {
    "id", "series_id", "sop_instance_uid", "sop_class_uid", "transfer_syntax_uid", "location", "size_bytes",
    "data_set_offset", "sha256", "head_crc32", "indexed_at", "number_of_frames", "instance_number", "rows", "columns",
}  # fmt: skip
# In the model's order, in which it takes values from a database.
_COLUMNS = [field.attname for field in Instance._meta.concrete_fields if field.attname in _WANTED]
_COLUMNS_SQL = ", ".join(f'i."{name}"' for name in _COLUMNS)


class Unreadable(APIException):
    """A stored file is gone or damaged: an error of ours, that somebody has to look at."""

    status_code = 500


class NotNow(APIException):
    """Everything that decodes is at work."""

    status_code = 503
    default_detail = "Other requests keep all decoders at work; try again in a moment."
    wait = 2


def stored_pks(study: str, series: str = "", instance: str = "") -> dict[int, list[int]]:
    """The keys of what is stored under an address, by those of its series; both in the order in which they came.

    Raises:
        NotFound: nothing.
    """
    by_series: dict[int, list[int]] = {}
    for series_pk, pk in _select("i.series_id, i.id", study, series, instance):
        by_series.setdefault(series_pk, []).append(pk)
    if not by_series:
        raise NotFound(_NOTHING)
    return by_series


def stored_instances(study: str, series: str = "", instance: str = "", *, series_pk: int = 0) -> list[Instance]:
    """What is stored under an address, each UID once, in the order in which it came.

    Args:
        series_pk: only what is in the series with this key; 0: in any.

    Raises:
        NotFound: nothing.
    """
    rows: list[Instance] = []
    parents: dict[int, Series] = {}
    for uid, *values in _select(f"s.series_instance_uid, {_COLUMNS_SQL}", study, series, instance, series_pk):
        row = Instance.from_db(connection.alias, _COLUMNS, values)
        if row.series_id not in parents:
            parent = Study(study_instance_uid=study)
            parents[row.series_id] = Series(pk=row.series_id, series_instance_uid=uid, study=parent)
        row.series = parents[row.series_id]
        rows.append(row)
    if not rows:
        raise NotFound(_NOTHING)
    return rows


def _select(columns: str, study: str, series: str, instance: str, series_pk: int = 0) -> list[tuple[Any, ...]]:
    """Rows of primary instances. Written by hand: for one frame the ORM would cost more than all the rest."""
    conditions: list[str] = ["t.study_instance_uid = %s"]
    values: list[str | int] = [study]
    for condition, value in (
        ("s.series_instance_uid = %s", series),
        ("i.sop_instance_uid = %s", instance),
        ("s.id = %s", series_pk),
    ):
        if value:
            conditions.append(condition)
            values.append(value)
    if (sight := current_sight()) is not None:
        condition, seen = sight.sql("t")
        conditions.append(condition)
        values += seen
    sql = (
        f"SELECT {columns} FROM studies_study t JOIN studies_series s ON s.study_id = t.id"  # noqa: S608 (ours)
        f" JOIN studies_instance i ON i.series_id = s.id AND i.is_primary"
        f" WHERE {' AND '.join(conditions)} ORDER BY i.series_id, i.id"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return list(cursor.fetchall())


def root_of(request: HttpRequest) -> str:
    """The address that ``studies/...`` is appended to, as this client reaches it."""
    return request.build_absolute_uri("/dicom-web/")


def stored_instance(study: str, series: str, instance: str) -> Instance:
    """One instance.

    Raises:
        NotFound: it is not stored.
    """
    return stored_instances(study, series, instance)[0]


@contextmanager
def as_http() -> Iterator[None]:
    """The archive's errors as problems."""
    try:
        yield
    except InstanceOffline as error:
        raise Recalled(error) from error
    except (InstanceMissing, InstanceDamaged) as error:
        raise Unreadable(str(error)) from error
    except (NoSuchFrame, NoSuchValue) as error:
        raise NotFound(str(error)) from error
    except NoPixels as error:
        raise NotAcceptable(str(error)) from error
    except CannotDecode as error:
        raise NotAcceptable(f"Its pixel data cannot be given in this form: {error}.") from error
    except Busy as error:
        raise NotNow from error
