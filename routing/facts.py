"""What rules may ask about one instance: values of its header, how it came in, and what is here of its study."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from django.utils import timezone
from pydicom.datadict import tag_for_keyword

from routing.conditions import OWN_ATTRIBUTES, WEEKDAYS, Facts
from studies.attributes import INDEX_TAGS
from studies.header import Header, read_header
from studies.models import Instance, Series
from studies.storage import hot_storage

IN_THE_ROW = {
    "CallingAETitle": "calling_ae_title",
    "CalledAETitle": "called_ae_title",
    "SourceAddress": "source_address",
    "TransferSyntaxUID": "transfer_syntax_uid",
    "SOPClassUID": "sop_class_uid",
    "SOPInstanceUID": "sop_instance_uid",
}
# What facts_of_instance reads of one: for QuerySet.only.
COLUMNS = ("location", "received_at", "series_id", "fetched_from", *IN_THE_ROW.values())
RECEIPT = frozenset({"ReceivedTime", "ReceivedWeekday"})
COUNTS = frozenset({"StudyInstancesReceived", "SeriesInstancesReceived"})
FETCHED_FROM = "FetchedFrom"


@dataclass(frozen=True)
class Received:
    """How much of a series and of its study is here."""

    in_series: int
    in_study: int


def facts_of_file(path: Path, attributes: set[str]) -> Facts:
    """Values of the asked attributes, from a Part 10 file; counts of what is stored have none.

    Args:
        path: the file.
        attributes: keywords or 8-digit tags, what the association tells, and the names of ours.

    Raises:
        NotPart10, MalformedDataSet: the file is no DICOM file, or broken.
        OSError: the file cannot be read.
    """
    tags = {name: tag_of(name) for name in attributes if name not in OWN_ATTRIBUTES}
    header = read_header(path, INDEX_TAGS | frozenset(tags.values()))
    return facts_of_header(header, tags)


def facts_of_instance(instance: Instance, attributes: set[str], received: Received | None = None) -> Facts:
    """The same of a stored instance, whose file is opened only when its row does not have all that is asked.

    Args:
        instance: ``COLUMNS`` are read.
        attributes: as for a file.
        received: the counts of its series and study, as ``counts_of`` found them.

    Raises:
        NotPart10, MalformedDataSet, OSError: as for a file.
    """
    of_header = attributes - OWN_ATTRIBUTES - IN_THE_ROW.keys()
    if of_header:
        # The header is read again rather than kept in the database: any attribute may stand in a rule.
        facts = dict(facts_of_file(Path(hot_storage().path(instance.location)), attributes))
    else:
        facts = {name: [getattr(instance, field)] for name, field in IN_THE_ROW.items()}
    facts[FETCHED_FROM] = [instance.fetched_from]  # of the row: what was asked for by C-MOVE does not say so itself
    if attributes & RECEIPT:
        facts |= facts_of_receipt(instance.received_at)
    if received is not None:
        facts["SeriesInstancesReceived"] = [str(received.in_series)]
        facts["StudyInstancesReceived"] = [str(received.in_study)]
    return facts


def facts_of_header(header: Header, tags: dict[str, int]) -> Facts:
    """Values by name for these tags, what the association tells, and when it came in, if it came to Gantry."""
    facts = {name: header.values(tag) for name, tag in tags.items()}
    facts["CallingAETitle"] = [header.meta.sending_ae_title]
    facts["CalledAETitle"] = [header.meta.receiving_ae_title]
    facts["SourceAddress"] = [header.source_address]
    facts["TransferSyntaxUID"] = [header.meta.transfer_syntax_uid]
    facts[FETCHED_FROM] = [header.fetched_from]
    return facts | (facts_of_receipt(header.received_at) if header.received_at else {})


def facts_of_receipt(received_at: datetime) -> dict[str, list[str]]:
    """Time and weekday of receipt, local as the setting GANTRY_TIME_ZONE says."""
    local = timezone.localtime(received_at)
    return {"ReceivedTime": [f"{local:%H%M%S}"], "ReceivedWeekday": [WEEKDAYS[local.weekday()]]}


def counts_of(series_pks: Iterable[int], attributes: set[str]) -> dict[int, Received]:
    """How much is here of these series, by primary key; nothing is asked when no rule wants to know."""
    if not attributes & COUNTS:
        return {}
    rows = Series.objects.filter(pk__in=set(series_pks)).order_by()
    found = rows.values_list("pk", "number_of_series_related_instances", "study__number_of_study_related_instances")
    return {pk: Received(in_series, in_study) for pk, in_series, in_study in found}


def union_of(facts: Iterable[Facts]) -> Facts:
    """All values that any of them has: what a rule of a whole series or study is judged on."""
    found: dict[str, list[str]] = {}
    for each in facts:
        for name, values in each.items():
            found.setdefault(name, []).extend(values)
    return {name: list(dict.fromkeys(values)) for name, values in found.items()}


def tag_of(name: str) -> int:
    """The tag of a keyword, or of eight hexadecimal digits."""
    tag = tag_for_keyword(name)
    return int(name, 16) if tag is None else tag
