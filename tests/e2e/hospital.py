"""A day of a fictitious hospital as rows: studies, instances, and what became of each of them."""

import random
from datetime import datetime, timedelta
from hashlib import sha256

from django.utils import timezone
from faker import Faker
from pydicom.uid import EnhancedSRStorage

from dicomnet.statuses import in_words
from gateway.accounts.models import Role
from routing.models import Attempt, Delivery, DeliveryState, Destination, Rule
from studies.models import Instance, Series, Study
from tests.e2e.configuration import make_ai, make_allowlist, make_destinations, make_remote_nodes, make_rules
from tests.e2e.devices import DEVICES, Device
from tests.e2e.oddities import make_commitments, make_identity_clashes, make_odd_files
from tests.e2e.proving import make_proofs
from tests.e2e.shelves import make_tiers
from tests.factories import (
    ConflictFactory,
    InstanceFactory,
    SeriesFactory,
    StudyFactory,
    UserFactory,
)

PATIENT_LOCALES = ("de_DE", "en_GB", "fr_FR", "nl_NL", "es_ES", "pl_PL")
STUDIES = 74


def fill(studies: int = STUDIES) -> None:
    """Write it all; the same every time but for the time of day."""
    chance = random.Random(11112)
    UserFactory(username="m.lindqvist", role=Role.ADMINISTRATOR)
    destinations = make_destinations()
    rules = make_rules(destinations)
    make_allowlist()
    make_remote_nodes()
    now = timezone.now()
    moment = now - timedelta(seconds=40)
    for number in range(studies):
        study = _study(chance, number, moment)
        _deliveries(chance, study, rules, destinations, now)
        # Fewer in the night, more in the morning.
        moment -= timedelta(minutes=chance.uniform(2, 16) * (3 if moment.hour < 6 else 1))
    _conflicts()
    make_identity_clashes(now)
    make_odd_files(now)
    make_commitments(now)
    make_ai(destinations)
    make_proofs(rules, destinations)
    make_tiers(now)


def _study(chance: random.Random, number: int, received_at: datetime) -> Study:
    device = chance.choice(DEVICES)
    description, body_part, series = chance.choice(device.protocols)
    faker = Faker(chance.choice(PATIENT_LOCALES))
    faker.seed_instance(number + 7)
    sex = chance.choice("FM")
    given = faker.first_name_female() if sex == "F" else faker.first_name_male()
    has_report = chance.random() < 0.25
    began = received_at - timedelta(minutes=4)
    study = StudyFactory.create(
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
        study=study,
        series_instance_uid=f"{study.study_instance_uid}.{number}",
        modality=device.modality,
        series_number=str(number),
        series_description=words,
        body_part_examined=body_part,
        manufacturer=device.manufacturer,
        station_name=device.ae_title,
        number_of_series_related_instances=count,
        size_bytes=count * device.instance_bytes,
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
            sha256=sha256(f"{series.series_instance_uid}.{index}".encode()).hexdigest(),
            calling_ae_title=device.ae_title,
            received_at=study.received_at + span * index / count,
            planned_at=study.last_received_at,
        )
        for index in range(1, count + 1)
    )


def _report(study: Study, number: int) -> None:
    series = SeriesFactory(
        study=study,
        series_instance_uid=f"{study.study_instance_uid}.{number}",
        modality="SR",
        series_number="999",
        series_description="Dose report",
        number_of_series_related_instances=1,
        size_bytes=18_240,
    )
    InstanceFactory(
        series=series,
        sop_instance_uid=f"{series.series_instance_uid}.1",
        rows=None,
        columns=None,
        size_bytes=18_240,
        sop_class_uid=str(EnhancedSRStorage),
        received_at=study.last_received_at,
        instance_number="1",
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
    is_refused = chance.random() < 0.3
    rows: list[Delivery] = []
    for rule_name, destination_name in plans:
        rule = rules[rule_name]
        version = rule.versions.get()
        for instance in Instance.objects.filter(series__study=study):
            row = Delivery(
                instance=instance,
                destination=to[destination_name],
                rule_version=version,
                priority=rule.priority,
                queued_at=instance.received_at,
                next_attempt_at=instance.received_at,
            )
            _state(chance, row, instance.received_at, now, is_refused=is_refused)
            rows.append(row)
    Delivery.objects.bulk_create(rows, batch_size=500)
    # created_at is set by the database layer; a ledger of a day must not look as if it was written in one second.
    for row in rows:
        row.created_at = row.queued_at
    Delivery.objects.bulk_update(rows, ["created_at"], batch_size=500)
    Attempt.objects.bulk_create([attempt for row in rows if row.last_error for attempt in _attempts(row)])


def _attempts(row: Delivery) -> list[Attempt]:
    """What is known of each try that failed, the latest last; each came after twice the pause of the one before."""
    assert row.last_attempt_at is not None
    pauses = [timedelta(seconds=5 * 2**number) for number in range(row.attempts)]
    return [
        Attempt(
            delivery=row,
            at=row.last_attempt_at - sum(pauses[number:], timedelta()) + pauses[-1],
            status=row.last_status,
            error=row.last_error,
            association=f"{row.pk:04x}{number:04x}c0de",
        )
        for number in range(row.attempts)
    ]


def _state(chance: random.Random, row: Delivery, received_at: datetime, now: datetime, *, is_refused: bool) -> None:
    age = now - received_at
    name = row.destination.ae_title
    if name == "RESEARCH" and age < timedelta(hours=3):
        row.attempts = 3
        row.next_attempt_at = now + timedelta(seconds=chance.uniform(120, 260))
        row.last_error = "connection refused by 10.20.9.2:4242"
        row.last_attempt_at = now - timedelta(seconds=50)
    elif name == "NEURO_WS2" and is_refused and chance.random() < 0.1:
        row.state, row.attempts = DeliveryState.DEAD, chance.choice([1, 1, 3, 8])
        row.last_status = chance.choice([0xA900, 0xA900, 0x0122, 0xC000])
        row.last_error = in_words(row.last_status)
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
        ConflictFactory.create(
            instance=instance,
            other__size_bytes=instance.size_bytes + 412,
            other__sha256=sha256(instance.sha256.encode()).hexdigest(),
            other__calling_ae_title="CR_ER",
            other__source_address="10.20.1.31",
            other__received_at=instance.received_at + timedelta(minutes=6),
            received_at=instance.received_at + timedelta(minutes=6),
        )


def _uid(number: int) -> str:
    return f"1.2.826.0.1.3680043.8.498.{9_318_254_021_447 + number * 104_729}.{20_261_121 + number}"
