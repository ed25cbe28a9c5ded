"""The store of a location."""

from pathlib import Path

from dicomnet.web.s3 import S3Service
from tiering.models import AT_REST, Location, LocationKind
from tiering.stores.cold_storage import ColdStorage
from tiering.stores.folder import FolderStore
from tiering.stores.s3 import BucketStore
from tiering.stores.store import Store


def open_store(location: Location) -> Store:
    """What keeps a location's objects; opens nothing yet."""
    if location.kind == LocationKind.FILESYSTEM:
        return FolderStore(Path(location.path), location.name)
    return _bucket(location)


def open_cold_storage(location: Location) -> ColdStorage:
    """The cold storage behind a location in S3; opens nothing yet."""
    return ColdStorage(_bucket(location))


def _bucket(location: Location) -> BucketStore:
    service = S3Service(
        name=location.name,
        endpoint_url=location.endpoint_url,
        region=location.region,
        access_key=location.access_key,
        sealed_secret_key=location.secret_key,
        timeout_seconds=location.timeout_seconds,
    )
    # What could not be read back is written as the service's usual class first (tiering.lay_down).
    storage_class = "" if location.storage_class in AT_REST else location.storage_class
    return BucketStore(service, location.bucket, location.path, storage_class)
