"""How long S3 services take to bring something back from cold storage, as AWS says it; a location may know better."""

from tiering.models import Location, RestoreSpeed, StorageClass

HOUR = 3600
_USUAL: dict[tuple[str, str], tuple[int, str]] = {
    (StorageClass.GLACIER, RestoreSpeed.EXPEDITED): (5 * 60, "1 to 5 minutes"),
    (StorageClass.GLACIER, RestoreSpeed.STANDARD): (5 * HOUR, "3 to 5 hours"),
    (StorageClass.GLACIER, RestoreSpeed.BULK): (12 * HOUR, "5 to 12 hours"),
    (StorageClass.DEEP_ARCHIVE, RestoreSpeed.EXPEDITED): (12 * HOUR, "12 hours"),
    (StorageClass.DEEP_ARCHIVE, RestoreSpeed.STANDARD): (12 * HOUR, "12 hours"),
    (StorageClass.DEEP_ARCHIVE, RestoreSpeed.BULK): (48 * HOUR, "48 hours"),
}


def usual_time(storage_class: str, location: Location) -> tuple[int, str]:
    """Until something of a class can be read, at most and usually: seconds, and words; 0 for what is read at once."""
    return _USUAL.get((storage_class, location.restore_speed), (0, "some hours"))


def restore_seconds(storage_class: str, location: Location) -> int:
    """The same in seconds, as the location says where it does."""
    return location.expected_latency_seconds or usual_time(storage_class, location)[0]
