"""Encrypt all stored secrets under the first of GANTRY_ENCRYPTION_KEYS."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from gateway.stored_secrets import encrypt_anew
from tiering.secrets import wrap_anew


class Command(BaseCommand):
    help = (
        "Encrypt all stored secrets under the first of GANTRY_ENCRYPTION_KEYS: of destinations, sources, locations and "
        "second factors, and the keys of packs, in the database and in the locations."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        count, lost = encrypt_anew()
        keys, not_written = wrap_anew()
        self.stdout.write(f"Encrypted under the first key: {count + keys}.")
        problems = []
        if lost:
            problems.append(
                f"No key decrypts the secret of: {', '.join(lost)}. Put the missing key back and repeat, or enter "
                "these secrets again."
            )
        if not_written:
            problems.append("Keys of packs are not encrypted anew, repeat it later: " + "; ".join(not_written))
        if problems:
            raise CommandError("\n".join([*problems, "Keep the old keys until then."]))
        self.stdout.write("The other keys are not needed any more.")
