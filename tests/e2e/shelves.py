"""Older studies of the fictitious hospital on slower tiers, and what is on its way."""

from datetime import datetime, time, timedelta
from decimal import Decimal

from dicomnet.web.secrets import seal
from studies.models import Instance, Study, Tier
from tiering.models import Location, LocationKind, LocationType, Move, MoveState, Pack, PackState, Policy, TierChange


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
    Policy.objects.create(
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
        _put_away(study, cold if number >= 8 else cloud, now - timedelta(hours=number))
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
        created_at=now - timedelta(seconds=20), started_at=now - timedelta(seconds=15),
        total_bytes=oldest[12].size_bytes, done_bytes=oldest[12].size_bytes // 4,
    )  # fmt: skip


def _put_away(study: Study, location: Location, at: datetime) -> None:
    for series in study.series.all():
        Pack.objects.create(
            location=location, study=study, key=f"{study}/{series}/{series.pk}.tar", state=PackState.VERIFIED,
            size_bytes=series.size_bytes, verified_at=at,
            number_of_instances=series.number_of_series_related_instances,
        )  # fmt: skip
    Instance.objects.filter(series__study=study).update(tier=location.tier)
    Study.objects.filter(pk=study.pk).update(tier=location.tier)
    TierChange.objects.create(study=study, from_tier=Tier.HOT, to_tier=location.tier, at=at, requested_by="m.lindqvist")
    Move.objects.create(
        study=study, to_tier=location.tier, requested_by="m.lindqvist", state=MoveState.DONE, created_at=at,
        finished_at=at + timedelta(seconds=40), total_bytes=study.size_bytes, done_bytes=study.size_bytes,
    )  # fmt: skip
