"""The keys of packs, wrapped anew all at once: in the rows and in the locations."""

from tiering.errors import StoreError
from tiering.keys import rewrapped, write_object
from tiering.models import DataKey


def wrap_anew() -> tuple[int, list[str]]:
    """Wrap every key under the first key of the gateway, so that the others may be thrown away.

    Returns:
        How many were, and of the others why they are not, or not in their location.
    """
    count, problems = 0, []
    for key in DataKey.objects.select_related("location"):
        try:
            _wrap_anew(key)
        except StoreError as error:
            problems.append(f"{key.location.name}: {error}")
        else:
            count += 1
    return count, problems


def _wrap_anew(key: DataKey) -> None:
    """In the row first: what is there opens what is in the location, should this end in between."""
    key.wrapped = rewrapped(key)
    DataKey.objects.filter(pk=key.pk).update(wrapped=key.wrapped)
    write_object(key)
