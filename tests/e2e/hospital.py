"""A day of a fictitious hospital as rows: devices, studies, rules, destinations and what became of each instance."""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone
from faker import Faker
from pydicom.uid import (
    UID,
    ComputedRadiographyImageStorage,
    CTImageStorage,
    EnhancedSRStorage,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    MRImageStorage,
    UltrasoundImageStorage,
)

from dicomnet.models import AllowlistEntry
from gateway.accounts.models import Role
from routing.models import Delivery, DeliveryState, Destination, Priority, Rule
from routing.rules import save_rule
from studies.models import Conflict, Instance, Series, Study
from tests.factories import (
    AllowlistEntryFactory,
    ConflictFactory,
    DestinationFactory,
    InstanceFactory,
    SeriesFactory,
    StudyFactory,
    UserFactory,
)

PATIENT_LOCALES = ("de_DE", "en_GB", "fr_FR", "nl_NL", "es_ES", "pl_PL")
STUDIES = 74


@dataclass(frozen=True)
class Device:
    """A modality and what it usually sends: description, body part, and per series a description and a count."""

    modality: str
    ae_title: str
    manufacturer: str
    sop_class: UID
    transfer_syntax: UID
    instance_bytes: int
    matrix: int
    protocols: tuple[tuple[str, str, tuple[tuple[str, int], ...]], ...]


CT = Device("CT", "CT_ROOM1", "Acme Tomo", CTImageStorage, ExplicitVRLittleEndian, 526_336, 512, (
    ("CT Thorax with contrast", "CHEST", (("Scout", 2), ("Thorax 1.0 B70", 96), ("Thorax 3.0 B30", 42))),
    ("CT Abdomen", "ABDOMEN", (("Scout", 2), ("Abdomen 3.0 portal venous", 74))),
    ("CT Head plain", "HEAD", (("Scout", 1), ("Head 4.0 H31", 38), ("Head 1.0 bone", 88))),
))
MR = Device("MR", "MR_NORTH", "Acme Resonance", MRImageStorage, ExplicitVRLittleEndian, 133_120, 256, (
    ("MR Knee left", "KNEE", (("PD fs sag", 28), ("T1 cor", 24), ("T2 tra", 30))),
    ("MR Brain", "HEAD", (("T1 mprage", 160), ("T2 flair", 36), ("DWI b1000", 44))),
))
CR = Device("CR", "CR_ER", "Acme Radiography", ComputedRadiographyImageStorage, JPEG2000Lossless, 7_340_032, 2370, (
    ("Chest PA and lateral", "CHEST", (("PA", 1), ("Lateral", 1))),
    ("Hand right", "HAND", (("Hand ap", 1), ("Hand oblique", 1))),
))
US = Device("US", "US_WARD3", "Acme Sonography", UltrasoundImageStorage, JPEGBaseline8Bit, 262_144, 1024, (
    ("US Abdomen", "ABDOMEN", (("Abdomen", 14),)),
    ("US Thyroid", "NECK", (("Thyroid", 9),)),
))
DEVICES = (CT, CT, CT, MR, MR, CR, CR, CR, US)


def fill() -> None:
    """Write it all; the same every time but for the time of day."""
    chance = random.Random(11112)
    UserFactory(username="m.lindqvist", role=Role.ADMINISTRATOR)
    destinations = _destinations()
    rules = _rules(destinations)
    _allowlist()
    now = timezone.now()
    moment = now - timedelta(seconds=40)
    for number in range(STUDIES):
        study = _study(chance, number, moment)
        _deliveries(chance, study, rules, destinations, now)
        # Fewer in the night, more in the morning.
        moment -= timedelta(minutes=chance.uniform(2, 16) * (3 if moment.hour < 6 else 1))
    _conflicts()


def _destinations() -> dict[str, Destination]:
    now = timezone.now()
    main = DestinationFactory(
        name="PACS main", ae_title="PACS_MAIN", host="pacs.hospital.example", port=104,
        comment="Radiology archive, on call 4711", last_success_at=now - timedelta(seconds=22),
    )
    ward = DestinationFactory(
        name="Neuro workstation", ae_title="NEURO_WS2", host="10.20.4.18", port=11112,
        comment="Reading room 2", last_success_at=now - timedelta(minutes=14),
    )
    research = DestinationFactory(
        name="Research archive", ae_title="RESEARCH", host="10.20.9.2", port=4242,
        last_success_at=now - timedelta(hours=3), last_failure_at=now - timedelta(seconds=50),
        last_error="connection refused by 10.20.9.2:4242", failures_in_a_row=9,
        paused_until=now + timedelta(minutes=4),
    )
    tele = DestinationFactory(
        name="Teleradiology", ae_title="TELERAD", host="tele.partner.example", port=2762, is_enabled=False,
        comment="Nights only, from 20:00", last_success_at=now - timedelta(hours=9),
    )
    return {"main": main, "neuro": ward, "research": research, "tele": tele}


def _rules(to: dict[str, Destination]) -> dict[str, Rule]:
    def rule(name: str, order: int, conditions: list[object], names: list[str], **fields: object) -> Rule:
        saved = Rule(name=name, order=order, conditions=conditions, **fields)
        save_rule(saved, destinations=[to[each] for each in names])
        return saved

    def compare(attribute: str, operator: str, value: object) -> dict[str, object]:
        return {"attribute": attribute, "operator": operator, "value": value}

    return {
        "stat": rule(
            "Emergency room first", 10, [compare("CallingAETitle", "matches", "*_ER")], ["main"],
            priority=Priority.STAT, comment="Asked for by the emergency department",
        ),
        "all": rule("Everything to the archive", 20, [], ["main"]),
        "neuro": rule(
            "Heads to neuroradiology", 30,
            [compare("Modality", "in", ["CT", "MR"]), compare("BodyPartExamined", "equals", "HEAD")], ["neuro"],
            priority=Priority.HIGH,
        ),
        "research": rule(
            "Thin slices for research", 40,
            [
                compare("Modality", "equals", "CT"),
                compare("SliceThickness", "less", "1.5"),
                {"none": [compare("StudyDescription", "contains", "private")]},
            ],
            ["research"], priority=Priority.BACKFILL, comment="Study 2026-14, until March",
        ),
        "tele": rule(
            "Night reads", 50, [compare("CalledAETitle", "equals", "NIGHT")], ["tele"], is_enabled=False,
        ),
    }


def _allowlist() -> None:
    for network in ("127.0.0.0/8", "::1/128"):
        AllowlistEntryFactory(
            calling_ae_title="*", network=network, may_find=True, may_move=True, may_get=True,
            comment="Made at the first start: programs on this machine",
        )
    for title, network, comment in (
        ("CT_ROOM1", "10.20.1.11", "CT, ground floor; service 555-0101"),
        ("MR_NORTH", "10.20.1.21", "MR, north wing"),
        ("CR_ER", "10.20.1.31", "Emergency room"),
        ("US_WARD3", "10.20.3.0/24", "Ultrasound carts on ward 3"),
    ):
        AllowlistEntryFactory(calling_ae_title=title, network=network, comment=comment)
    AllowlistEntryFactory(
        calling_ae_title="NEURO_WS2", network="10.20.4.18", may_store=False, may_find=True, may_move=True,
        comment="Workstation: searches and fetches",
    )


def _study(chance: random.Random, number: int, received_at: datetime) -> Study:
    device = chance.choice(DEVICES)
    description, body_part, series = chance.choice(device.protocols)
    faker = Faker(chance.choice(PATIENT_LOCALES))
    faker.seed_instance(number + 7)
    sex = chance.choice("FM")
    given = faker.first_name_female() if sex == "F" else faker.first_name_male()
    has_report = chance.random() < 0.25
    began = received_at - timedelta(minutes=4)
    study: Study = StudyFactory(
        study_instance_uid=_uid(number),
        patient_name=f"{faker.last_name()}^{given}",
        patient_id=f"{chance.randrange(10**7):07d}",
        patient_birth_date=faker.date_of_birth(minimum_age=4, maximum_age=92).strftime("%Y%m%d"),
        patient_sex=sex,
        study_date=began.strftime("%Y%m%d"),
        study_time=began.strftime("%H%M%S"),
        accession_number=f"26{chance.randrange(10**6):06d}",
        study_id=str(20_000 + number),
        study_description=description,
        referring_physician_name=f"{faker.last_name()}^{faker.first_name()}",
        institution_name="St. Example Hospital",
        modalities_in_study=f"\\{device.modality}\\SR\\" if has_report else f"\\{device.modality}\\",
        calling_ae_title=device.ae_title,
        received_at=received_at - timedelta(seconds=90),
        last_received_at=received_at,
        completed_at=received_at + timedelta(seconds=60) if number else None,
    )
    for index, (words, count) in enumerate(series, 1):
        _series(study, device, index, words, body_part, count)
    if has_report:
        _report(study, len(series) + 1)
    _sum_up(study)
    return study


def _series(study: Study, device: Device, number: int, words: str, body_part: str, count: int) -> None:
    series = SeriesFactory(
        study=study, series_instance_uid=f"{study.study_instance_uid}.{number}", modality=device.modality,
        series_number=str(number), series_description=words, body_part_examined=body_part,
        manufacturer=device.manufacturer, station_name=device.ae_title,
        number_of_series_related_instances=count, size_bytes=count * device.instance_bytes,
    )
    span = study.last_received_at - study.received_at
    Instance.objects.bulk_create(
        InstanceFactory.build(
            series=series,
            sop_instance_uid=f"{series.series_instance_uid}.{index}",
            instance_number=str(index),
            rows=device.matrix,
            columns=device.matrix,
            sop_class_uid=str(device.sop_class),
            transfer_syntax_uid=str(device.transfer_syntax),
            size_bytes=device.instance_bytes,
            sha256=f"{hash((series.series_instance_uid, index)) & (2**256 - 1):064x}",
            calling_ae_title=device.ae_title,
            received_at=study.received_at + span * index / count,
            planned_at=study.last_received_at,
        )
        for index in range(1, count + 1)
    )


def _report(study: Study, number: int) -> None:
    series = SeriesFactory(
        study=study, series_instance_uid=f"{study.study_instance_uid}.{number}", modality="SR",
        series_number="999", series_description="Dose report", number_of_series_related_instances=1, size_bytes=18_240,
    )
    InstanceFactory(
        series=series, sop_instance_uid=f"{series.series_instance_uid}.1", rows=None, columns=None, size_bytes=18_240,
        sop_class_uid=str(EnhancedSRStorage), received_at=study.last_received_at, instance_number="1",
        planned_at=study.last_received_at,
    )


def _sum_up(study: Study) -> None:
    series = list(Series.objects.filter(study=study))
    study.number_of_study_related_series = len(series)
    study.number_of_study_related_instances = sum(one.number_of_series_related_instances for one in series)
    study.size_bytes = sum(one.size_bytes for one in series)
    study.save()


def _deliveries(
    chance: random.Random, study: Study, rules: dict[str, Rule], to: dict[str, Destination], now: datetime
) -> None:
    plans = [("all", "main")]
    first = study.series.first()
    if first and first.body_part_examined == "HEAD":
        plans.append(("neuro", "neuro"))
    if study.calling_ae_title == "CR_ER":
        plans[0] = ("stat", "main")
    if study.calling_ae_title == "CT_ROOM1":
        plans.append(("research", "research"))
    is_refused = chance.random() < 0.05
    rows: list[Delivery] = []
    for rule_name, destination_name in plans:
        rule = rules[rule_name]
        version = rule.versions.get()
        for instance in Instance.objects.filter(series__study=study):
            row = Delivery(
                instance=instance, destination=to[destination_name], rule_version=version, priority=rule.priority,
                queued_at=instance.received_at, next_attempt_at=instance.received_at,
            )
            _state(chance, row, instance.received_at, now, is_refused=is_refused)
            rows.append(row)
    Delivery.objects.bulk_create(rows, batch_size=500)
    # created_at is set by the database layer; a ledger of a day must not look as if it was written in one second.
    for row in rows:
        row.created_at = row.queued_at
    Delivery.objects.bulk_update(rows, ["created_at"], batch_size=500)


def _state(chance: random.Random, row: Delivery, received_at: datetime, now: datetime, *, is_refused: bool) -> None:
    age = now - received_at
    name = row.destination.ae_title
    if name == "RESEARCH" and age < timedelta(hours=3):
        row.attempts = 3
        row.next_attempt_at = now + timedelta(seconds=chance.uniform(120, 260))
        row.last_error = "connection refused by 10.20.9.2:4242"
        row.last_attempt_at = now - timedelta(seconds=50)
    elif name == "NEURO_WS2" and is_refused:
        row.state, row.attempts = DeliveryState.DEAD, 1
        row.last_status, row.last_error = 0xA900, "the peer answered 0xA900 Data set does not match SOP Class"
        row.last_attempt_at = received_at + timedelta(seconds=4)
    elif age < timedelta(seconds=55):
        row.next_attempt_at = now
    elif age < timedelta(seconds=62):
        row.state, row.attempts = DeliveryState.SENDING, 1
        row.lease_token, row.lease_until = "lease", now + timedelta(seconds=40)
    else:
        row.state, row.attempts, row.last_status = DeliveryState.DELIVERED, 1, 0x0000
        row.last_attempt_at = row.delivered_at = received_at + timedelta(seconds=chance.uniform(2, 30))


def _conflicts() -> None:
    for instance in Instance.objects.filter(series__modality="CR").order_by("pk")[2:4]:
        conflict: Conflict = ConflictFactory(
            instance=instance,
            other__size_bytes=instance.size_bytes + 412,
            other__calling_ae_title="CR_ER",
            other__source_address="10.20.1.31",
            other__received_at=instance.received_at + timedelta(minutes=6),
            received_at=instance.received_at + timedelta(minutes=6),
        )
        assert conflict.other.sop_instance_uid == instance.sop_instance_uid
    assert AllowlistEntry.objects.exists()


def _uid(number: int) -> str:
    return f"1.2.826.0.1.3680043.8.498.{9_318_254_021_447 + number * 104_729}.{20_261_121 + number}"
