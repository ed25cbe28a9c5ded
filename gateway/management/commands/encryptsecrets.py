"""Encrypt all stored secrets under the first of GANTRY_ENCRYPTION_KEYS, after a new key was put in front."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from routing import secrets as of_destinations
from tiering import secrets as of_tiers


class Command(BaseCommand):
    help = (
        "Encrypt all stored secrets under the first of GANTRY_ENCRYPTION_KEYS: of destinations, of locations, and the"
        " keys of packs, in the database and in the locations."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        destinations, lost = of_destinations.encrypt_anew()
        tiers = of_tiers.encrypt_anew()
        self.stdout.write(f"Encrypted under the first key: {destinations + tiers.count}.")
        lost += tiers.lost
        problems = []
        if lost:
            problems.append(
                f"No key decrypts the secret of: {', '.join(lost)}. Put the missing key back and repeat, or enter "
                "these secrets again."
            )
        if tiers.not_written:
            problems.append("Keys of packs are not encrypted anew, repeat it later: " + "; ".join(tiers.not_written))
        if problems:
            raise CommandError("\n".join([*problems, "Keep the old keys until then."]))
        self.stdout.write("The other keys are not needed any more.")
