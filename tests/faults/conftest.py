"""What the fault tests of deliveries share with those of routing."""

from tests.routing.conftest import rung, store

__all__ = ["rung", "store"]
