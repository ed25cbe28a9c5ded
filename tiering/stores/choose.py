"""The store of a location."""

from pathlib import Path

from dicomnet.web.s3 import S3Service
from tiering.models import Location, LocationKind
from tiering.stores.folder import FolderStore
from tiering.stores.s3 import BucketStore
from tiering.stores.store import Store


def open_store(location: Location) -> Store:
    """What keeps a location's objects; opens nothing yet."""
    if location.kind == LocationKind.FILESYSTEM:
        return FolderStore(Path(location.path), location.name)
    service = S3Service(
        name=location.name,
        endpoint_url=location.endpoint_url,
        region=location.region,
        access_key=location.access_key,
        sealed_secret_key=location.secret_key,
        timeout_seconds=location.timeout_seconds,
    )
    return BucketStore(service, location.bucket, location.path)
