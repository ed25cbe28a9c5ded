"""``manage.py verifyledger``: whether the books add up; exit status 1 when they do not."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.table import Table

from routing.ledger import accounts, contradictions, intake

SHOWN = 5


class Command(BaseCommand):
    help = "Check that each acknowledged instance is accounted for at each destination."

    def handle(self, *args: Any, **options: Any) -> None:
        console = Console(file=self.stdout)  # type: ignore[arg-type]
        found = [*self._accounts(console), *self._intake(console), *self._contradictions()]
        if found:
            raise CommandError("The books do not add up:\n" + "\n".join(found))
        self.stdout.write("The books add up.")

    def _accounts(self, console: Console) -> list[str]:
        table = Table("Destination", "Acknowledged", "Delivered", "Pending", "Failed", "Cancelled", box=None)
        books = accounts()
        for account in books:
            figures = (account.acknowledged, account.delivered, account.pending, account.dead, account.cancelled)
            table.add_row(account.destination_name, *(f"{figure:,}" for figure in figures))
        console.print(table)
        return [f"{account.destination_name}: {account}" for account in books if not account.is_balanced]

    def _intake(self, console: Console) -> list[str]:
        found = intake()
        console.print(
            f"{found.acknowledged:,} instances: {found.routed:,} with deliveries, {found.discarded:,} discarded by a"
            f" rule, {found.unmatched:,} that no rule sends, {found.unplanned:,} that no rule has seen yet."
        )
        return [] if found.is_balanced else [f"instances: {found}"]

    def _contradictions(self) -> list[str]:
        lines = []
        for words, deliveries in contradictions().items():
            count = deliveries.count()
            if count:
                some = ", ".join(str(pk) for pk in deliveries.values_list("pk", flat=True)[:SHOWN])
                lines.append(f"{count:,} {words} (deliveries {some}{' ...' if count > SHOWN else ''})")
        return lines
