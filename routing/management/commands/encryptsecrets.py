"""Encrypt all stored secrets under the first of GANTRY_ENCRYPTION_KEYS, after a new key was put in front."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from routing.secrets import encrypt_anew


class Command(BaseCommand):
    help = "Encrypt all stored secrets of destinations under the first of GANTRY_ENCRYPTION_KEYS."

    def handle(self, *args: Any, **options: Any) -> None:
        count, lost = encrypt_anew()
        self.stdout.write(f"Encrypted under the first key: {count}.")
        if lost:
            raise CommandError(
                f"No key decrypts the secret of: {', '.join(lost)}. Put the missing key back and repeat, or enter "
                "these secrets again. Keep the old keys until then."
            )
        self.stdout.write("The other keys are not needed any more.")
