"""Sites with what pages show of them, and what becomes of a user or a key that is given some."""

from dataclasses import dataclass

from django.conf import settings
from django.db.models import Count

from gateway.accounts.models import Sees, Site
from studies.models import Study

COUNTED = 10_000


@dataclass(frozen=True)
class SiteLine:
    """A site of the list.

    Attributes:
        studies: how many it shows; COUNTED stands for more as well.
    """

    site: Site
    studies: int
    users: int
    keys: int

    @property
    def has_more(self) -> bool:
        """There are more than are counted."""
        return self.studies == COUNTED


def list_sites() -> list[SiteLine]:
    """All by name; the studies of each are a query of its own, which ends where it has counted enough."""
    numbered = Site.objects.annotate(
        number_of_users=Count("users", distinct=True), number_of_keys=Count("api_keys", distinct=True)
    )
    return [
        SiteLine(site, number_of_studies(site), site.number_of_users, site.number_of_keys)
        for site in numbered.order_by("name")
    ]


def number_of_studies(site: Site) -> int:
    """How many studies a site shows, COUNTED at most."""
    return Study.objects.filter(site.sight.studies()).order_by()[:COUNTED].count()


def seen_by_new() -> Sees:
    """What is there for a new user or key of whom nobody says it: GANTRY_NEW_USERS_SEE."""
    return Sees.EVERYTHING if settings.GANTRY.new_users_see == "all" else Sees.SITES
