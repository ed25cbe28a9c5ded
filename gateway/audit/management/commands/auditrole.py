"""``manage.py auditrole``: SQL for a database role that can do Gantry's work and cannot change the audit trail."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection

from gateway.audit.role import statements


class Command(BaseCommand):
    help = "Print SQL for the owner of the tables: what a role of PostgreSQL needs that cannot change the audit trail."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("role", help="Its name; it exists already: CREATE ROLE gantry_app LOGIN PASSWORD '…'.")
        parser.add_argument("--schema", default="public", help="Where the tables are; public by default.")

    def handle(self, *args: Any, **options: Any) -> None:
        if connection.vendor != "postgresql":
            raise CommandError("SQLite has no roles; set DATABASE_URL to the owner's address of a PostgreSQL database.")
        for statement in statements(connection, options["role"], options["schema"]):
            self.stdout.write(f"{statement};")
