"""The stored instances behind an address, and the archive's errors as HTTP says them: this door's table."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.http import HttpRequest
from rest_framework.exceptions import APIException, NotAcceptable, NotFound

from studies.children import Busy
from studies.errors import CannotDecode, InstanceDamaged, InstanceMissing, NoPixels, NoSuchFrame, NoSuchValue
from studies.models import Instance, Series

_NOTHING = "Nothing is stored under these UIDs."
_SERIES_COLUMNS = ("series_instance_uid", "study__study_instance_uid")
_COLUMNS = (
    "series_id", "sop_instance_uid", "sop_class_uid", "transfer_syntax_uid", "location", "size_bytes",
    "data_set_offset", "sha256", "number_of_frames", "instance_number", "rows", "columns",
)  # fmt: skip


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
    found = Instance.objects.filter(is_primary=True, series__study__study_instance_uid=study)
    if series:
        found = found.filter(series__series_instance_uid=series)
    if instance:
        found = found.filter(sop_instance_uid=instance)
    by_series: dict[int, list[int]] = {}
    for series_pk, pk in found.order_by("series_id", "pk").values_list("series_id", "pk"):
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
    parents = Series.objects.filter(study__study_instance_uid=study).select_related("study")
    if series:
        parents = parents.filter(series_instance_uid=series)
    if series_pk:
        parents = parents.filter(pk=series_pk)
    by_pk = {parent.pk: parent for parent in parents.only(*_SERIES_COLUMNS)}
    found = Instance.objects.filter(is_primary=True, series__in=by_pk).only(*_COLUMNS)
    if instance:
        found = found.filter(sop_instance_uid=instance)
    rows = list(found.order_by("series_id", "pk")) if by_pk else []
    for row in rows:
        row.series = by_pk[row.series_id]
    if not rows:
        raise NotFound(_NOTHING)
    return rows


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
