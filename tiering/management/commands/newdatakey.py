"""``manage.py newdatakey NAME``: packs of a location are encrypted under another key from now on."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from tiering.errors import StoreError
from tiering.keys import new_key
from tiering.models import Location


class Command(BaseCommand):
    help = (
        "Make a new key for the packs of a location that are written from now on. Packs that are there stay as they"
        " are, and their keys are kept."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("location", metavar="NAME", help="of the location, as under Tiers")

    def handle(self, *args: Any, **options: Any) -> None:
        location = Location.objects.filter(name=options["location"]).first()
        if location is None:
            raise CommandError(f"There is no location {options['location']!r}.")
        try:
            key = new_key(location)
        except StoreError as error:
            raise CommandError(f"The key could not be kept in the location, so there is none: {error}") from error
        self.stdout.write(f"{location.name} has a new key, {key.ident}.")
        if not location.is_encrypted:
            self.stdout.write("Nothing is written under it until the location is set to be encrypted.")
