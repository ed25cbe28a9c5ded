"""Older studies of the fictitious hospital on slower tiers, and what is on its way."""

from datetime import datetime, time, timedelta
from decimal import Decimal

from dicomnet.web.secrets import seal
from studies.models import Instance, Study, Tier
from tiering.models import (
    Damage,
    Location,
    LocationKind,
    LocationType,
    Move,
    MoveState,
    Pack,
    PackState,
    Policy,
    Reason,
    TierChange,
    TierSample,
)
from tiering.samples import take_samples


def make_tiers(now: datetime) -> None:
    """Two locations, the twenty oldest studies on them, and moves in each state."""
    cold = Location.objects.create(
        name="Basement disks", tier=Tier.COLD, path="/mnt/cold/dicom", edge_id="North site",
        capacity_bytes=48 * 10**12, cost_per_gb_month=Decimal("0.006"),
    )  # fmt: skip
    cloud = Location.objects.create(
        name="Cloud archive", tier=Tier.ARCHIVE, kind=LocationKind.S3, bucket="st-example-dicom", path="north",
        region="eu-central-1", access_key="AKIAEXAMPLE", location_type=LocationType.CLOUD,
        secret_key=seal("example", place="https://s3.eu-central-1.amazonaws.com:443"),
        cost_per_gb_month=Decimal("0.001"), cost_per_gb_read=Decimal("0.02"), expected_latency_seconds=14_400,
    )  # fmt: skip
    unused = Policy.objects.create(
        name="Unused for a year", is_enabled=True, conditions={"not_used_for_days": 365, "not_labels": ["teaching"]}
    )
    Policy.objects.create(
        name="Large ultrasound at night", conditions={"modalities": ["US"], "older_than_days": 0},
        runs_from=time(20), runs_until=time(6),
    )  # fmt: skip
    oldest = list(Study.objects.order_by("received_at")[:23])
    if len(oldest) < 23:
        return  # a hospital that has just opened
    for number, study in enumerate(oldest[:20]):
        policy = unused if number >= 12 else None
        _put_away(study, cold if number >= 8 else cloud, now - timedelta(hours=number), policy)
    waiting, copying, failed = oldest[20:]
    Move.objects.create(study=waiting, to_tier=Tier.COLD, requested_by="m.lindqvist", created_at=now)
    Move.objects.create(
        study=copying, to_tier=Tier.COLD, requested_by="m.lindqvist", state=MoveState.COPYING, started_at=now,
        created_at=now - timedelta(minutes=3), total_bytes=copying.size_bytes, done_bytes=copying.size_bytes * 2 // 3,
    )  # fmt: skip
    Move.objects.create(
        study=failed, to_tier=Tier.ARCHIVE, requested_by="admin", state=MoveState.FAILED, attempts=12,
        created_at=now - timedelta(hours=20), finished_at=now - timedelta(hours=1),
        last_error="Cloud archive: the access key may not do that; check the bucket's policy (AccessDenied)",
    )  # fmt: skip
    Move.objects.create(
        study=oldest[12], to_tier=Tier.HOT, requested_by="a reader", state=MoveState.COPYING, priority=1,
        created_at=now - timedelta(seconds=90), started_at=now - timedelta(seconds=80), reason=Reason.READING,
        total_bytes=oldest[12].size_bytes, done_bytes=oldest[12].size_bytes * 2 // 5,
    )  # fmt: skip
    _find_damage(now)
    _look_back(now)


def _find_damage(now: datetime) -> None:
    first, second = Pack.objects.order_by("pk")[:2]
    Damage.objects.create(
        pack=first, where=first.location.name, name=first.key, found_at=now - timedelta(days=9),
        what="The SHA-256 of the data set of instance 4711 differs.", tried_at=now - timedelta(days=9),
        repaired_at=now - timedelta(days=9, minutes=-4), note="Written again from the hot store.",
    )  # fmt: skip
    Damage.objects.create(
        pack=second, where=second.location.name, name=second.key, found_at=now - timedelta(hours=30),
        what="It ends at byte 1048576.", tried_at=now - timedelta(hours=29),
        repaired_at=now - timedelta(hours=29), note="Written again from Basement disks.",
    )  # fmt: skip


def _look_back(now: datetime) -> None:
    """Ninety days in which the hospital grew, less at weekends."""
    take_samples(now)
    rows = []
    for last in TierSample.objects.all():
        grown = Decimal(1)
        for back in range(1, 90):
            on = last.on - timedelta(days=back)
            grown -= Decimal("0.002") if on.weekday() > 4 else Decimal("0.008")
            rows.append(
                TierSample(
                    on=on, what=last.what, key=last.key, studies=last.studies, size_bytes=int(last.size_bytes * grown),
                    number_of_objects=last.number_of_objects, per_month=last.per_month * grown,
                    used_bytes=last.used_bytes and int(last.used_bytes * grown),
                )
            )  # fmt: skip
    TierSample.objects.bulk_create(rows)


def _put_away(study: Study, location: Location, at: datetime, policy: Policy | None) -> None:
    by = f"policy {policy.name}" if policy else "m.lindqvist"
    for series in study.series.all():
        Pack.objects.create(
            location=location, study=study, key=f"{study}/{series}/{series.pk}.tar", state=PackState.VERIFIED,
            size_bytes=series.size_bytes, verified_at=at,
            number_of_instances=series.number_of_series_related_instances,
        )  # fmt: skip
    Instance.objects.filter(series__study=study).update(tier=location.tier)
    Study.objects.filter(pk=study.pk).update(tier=location.tier)
    TierChange.objects.create(
        study=study, from_tier=Tier.HOT, to_tier=location.tier, at=at, requested_by=by,
        policy_name=policy.name if policy else "",
    )  # fmt: skip
    Move.objects.create(
        study=study, to_tier=location.tier, requested_by=by, state=MoveState.DONE, created_at=at, policy=policy,
        reason=Reason.POLICY if policy else Reason.PERSON, switched_at=at + timedelta(seconds=30),
        finished_at=at + timedelta(seconds=40), total_bytes=study.size_bytes, done_bytes=study.size_bytes,
    )  # fmt: skip
