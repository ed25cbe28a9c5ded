"""People who are signed in, as for every portal page."""

from tests.gateway.portal.conftest import administrator, operator, viewer

__all__ = ["administrator", "operator", "viewer"]
