"""One fictitious study with its series and instances, all of it from a seed, a number and the last moment there is."""

import random
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.utils import timezone
from pydicom.uid import ExplicitVRLittleEndian

from dicomnet.lab.uids import lab_uid
from studies.models import Tier
from studies.rows import modalities_column
from studies.seeding.catalogue import SITES, Examination, Shape, possible
from studies.seeding.marks import NO_FILE, SENDER_PREFIX
from studies.seeding.people import patient, physician

DAYS = 730
BY_WEEKDAY = (1.0, 1.0, 0.97, 0.95, 0.85, 0.16, 0.1)
BY_HOUR = (1, 1, 1, 1, 1, 2, 6, 18, 34, 40, 42, 36, 26, 32, 36, 30, 20, 12, 7, 5, 4, 3, 2, 1)
COMPLETE_AFTER = timedelta(minutes=2)


@dataclass(frozen=True)
class Invented:
    """Rows by attribute name, each counted in the one above it; keys of rows are left to whoever writes them.

    Attributes:
        instances: of each series, in the order of ``series``.
    """

    study: dict[str, Any]
    series: list[dict[str, Any]]
    instances: list[list[dict[str, Any]]]


def invent(seed: int, number: int, until: datetime, *, at_most: int) -> Invented:
    """Study ``number`` of a seed, received within the two years before ``until``.

    Args:
        at_most: instances; a study has as many as fit, and its counters say so.
    """
    rnd = random.Random(f"{seed} study {number}")  # noqa: S311 (no secret)
    of = patient(seed, rnd.randrange(number // 2 + 1))
    arrived_at = _arrival(rnd, until)
    kinds = possible(of.sex, of.years_on(arrived_at.date()))
    kind = rnd.choices(kinds, [each.weight for each in kinds])[0]
    if not kind.is_urgent:
        arrived_at = _by_day(arrived_at)
    ae_title, institution = _sender(rnd, kind)
    parts = _parts(rnd, kind, at_most)
    began_at = timezone.localtime(arrived_at) - timedelta(minutes=rnd.randrange(5, 40))
    description, body_part = rnd.choice(kind.descriptions)
    receipt = {"calling_ae_title": ae_title, "received_at": arrived_at, "completed_at": arrived_at + COMPLETE_AFTER}
    series, instances = [], []
    for place, (shape, words, count) in enumerate(parts, 1):
        uids = [str(lab_uid("seed", seed, number, place, each)) for each in range(count + 1)]
        rows = [_instance(uids[each], shape, each, receipt) for each in range(1, count + 1)]
        instances.append(rows)
        row = _series(uids[0], shape, place, began_at, words, receipt, count)
        series.append(row | {"body_part_examined": body_part})
    return Invented(
        {
            "study_instance_uid": str(lab_uid("seed", seed, number)),
            "patient_id": of.patient_id,
            "patient_name": of.patient_name,
            "patient_birth_date": _da(of.birth_date),
            "patient_sex": of.sex,
            "study_date": _da(began_at),
            "study_time": began_at.strftime("%H%M%S"),
            "accession_number": f"SEED{seed}{number:08d}",
            "study_id": str(number),
            "study_description": description,
            "referring_physician_name": physician(seed, rnd.randrange(60)),
            "institution_name": institution,
            "modalities_in_study": modalities_column(shape.modality for shape, _, _ in parts),
            "number_of_study_related_series": len(series),
            "number_of_study_related_instances": sum(map(len, instances)),
            "size_bytes": sum(each["size_bytes"] for each in series),
            "tier": Tier.ARCHIVE.value,
            **_received(receipt),
            "calling_ae_title": ae_title,
            "received_at": arrived_at,
        },
        series,
        instances,
    )


def _arrival(rnd: random.Random, until: datetime) -> datetime:
    """More on weekdays and by day, and a little more each month."""
    end = timezone.localtime(until)
    while True:
        day = end - timedelta(days=rnd.randrange(DAYS))
        if rnd.random() < BY_WEEKDAY[day.weekday()] * (1 - 0.3 * (end - day).days / DAYS):
            break
    hour = rnd.choices(range(24), BY_HOUR)[0]
    moment = day.replace(hour=hour, minute=rnd.randrange(60), second=rnd.randrange(60), microsecond=0)
    return moment if moment < end else moment - timedelta(days=7)


def _by_day(moment: datetime) -> datetime:
    """What is planned is done by day, on weekdays."""
    if moment.hour < 7 or moment.hour > 18:
        moment = moment.replace(hour=8 + moment.hour % 8)
    return moment - timedelta(days=max(0, moment.weekday() - 4))


def _sender(rnd: random.Random, kind: Examination) -> tuple[str, str]:
    site, institution, _ = rnd.choices(SITES, [weight for _, _, weight in SITES])[0]
    return f"{SENDER_PREFIX}{site}_{kind.shape.modality}{rnd.randint(1, kind.stations)}", institution


def _parts(rnd: random.Random, kind: Examination, at_most: int) -> list[tuple[Shape, str, int]]:
    """Shape, description and number of instances of each series; together no more than ``at_most``."""
    main = [
        (kind.shape, kind.series_descriptions[place % len(kind.series_descriptions)])
        for place in range(rnd.randint(*kind.series))
    ]
    further = [(shape, "Report" if shape.modality == "SR" else f"{shape.modality} series") for shape in kind.further]
    all_of_them = [*main, *further][:at_most]
    room = at_most // len(all_of_them)
    return [(shape, words, min(rnd.randint(*shape.instances), room)) for shape, words in all_of_them]


def _series(
    uid: str, shape: Shape, place: int, began_at: datetime, words: str, receipt: dict[str, Any], count: int
) -> dict[str, Any]:
    return {
        "series_instance_uid": uid,
        "modality": shape.modality,
        "series_number": str(place),
        "series_date": _da(began_at),
        "series_time": (began_at + timedelta(minutes=2 * place)).strftime("%H%M%S"),
        "series_description": words,
        "manufacturer": shape.manufacturer,
        "station_name": receipt["calling_ae_title"],
        "number_of_series_related_instances": count,
        "size_bytes": count * shape.size_bytes,
        **_received(receipt),
    }


def _instance(uid: str, shape: Shape, number: int, receipt: dict[str, Any]) -> dict[str, Any]:
    rows, columns = shape.pixels or (None, None)
    return {
        "sop_instance_uid": uid,
        "sop_class_uid": str(shape.sop_class_uid),
        "instance_number": str(number),
        "rows": rows,
        "columns": columns,
        "transfer_syntax_uid": str(ExplicitVRLittleEndian),
        "location": NO_FILE,
        "tier": Tier.ARCHIVE.value,
        "size_bytes": shape.size_bytes,
        "data_set_offset": 0,
        "sha256": "0" * 64,  # of nothing: there is no file
        "calling_ae_title": receipt["calling_ae_title"],
        "source_address": "192.0.2.1",  # for examples only (RFC 5737)
        "received_at": receipt["received_at"],
        "indexed_at": receipt["received_at"],
        "planned_at": receipt["received_at"],  # no rule is asked
    }


def _received(receipt: dict[str, Any]) -> dict[str, Any]:
    """Complete and decided on long ago: nobody waits for it, and no rule is asked."""
    return {
        "last_received_at": receipt["received_at"],
        "completed_at": receipt["completed_at"],
        "decided_at": receipt["completed_at"],
    }


def _da(day: date) -> str:
    return day.strftime("%Y%m%d")
