"""Remove the second factor of a user who has lost it, when no administrator is left who could."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from gateway.accounts import second_factor
from gateway.accounts.models import User
from gateway.accounts.people import end_sessions


class Command(BaseCommand):
    help = "Remove the second factor of a user; the password alone opens the account then."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")

    def handle(self, *args: Any, username: str, **options: Any) -> None:
        user = User.objects.filter(username=username).first()
        if user is None:
            raise CommandError(f"There is no user {username}.")
        second_factor.remove(user)
        end_sessions(user)
        self.stdout.write(f"{username} has no second factor any more, and is signed out everywhere.")
