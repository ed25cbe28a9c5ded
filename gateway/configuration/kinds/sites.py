"""Sites in the document."""

from gateway.accounts.models import Site
from gateway.accounts.sites_api import CONDITIONS, SiteSerializer
from gateway.configuration.kind import Kind


class Sites(Kind):
    """Which studies belong together, for who sees no others."""

    name, noun = "sites", "site"
    model, serializer = Site, SiteSerializer
    fields = ("name", *CONDITIONS)
