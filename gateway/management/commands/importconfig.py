"""Apply a document of the configuration, see what it would change, or go back to what was before an import."""

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

LATEST = "latest"


class Command(BaseCommand):
    help = "Apply a document of the configuration, all of it or nothing; --rollback brings back what was before."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", nargs="?", help="a document as exportconfig writes it; -: standard input")
        parser.add_argument("--dry-run", action="store_true", help="show what would change, and change nothing")
        parser.add_argument("--prune", action="store_true", help="remove what is not in the document's sections")
        parser.add_argument("--reason", default="", help="why, for versions of rules and the audit trail")
        parser.add_argument("--author", default="", metavar="USER", help="whose change it is")
        parser.add_argument(
            "--rollback", nargs="?", const=LATEST, metavar="ID", help="back to a snapshot; without ID to the latest"
        )
        parser.add_argument("--list", action="store_true", help="list the snapshots")

    def handle(self, *args: Any, **options: Any) -> None:
        if bool(options["file"]) + (options["rollback"] is not None) + options["list"] != 1:
            raise CommandError("Give a file, --rollback or --list: one of the three.")
        if options["list"]:
            self._list()
        else:
            self._apply(options)

    def _list(self) -> None:
        from gateway.configuration.snapshots import listed

        for each in listed():
            by = f" by {each.author_name}" if each.author_name else ""
            reason = f": {each.reason}" if each.reason else ""
            words = f"before {each.what}{by}{reason} ({each.summary})"
            self.stdout.write(f"{each.pk}  {each.created_at:%Y-%m-%d %H:%M}  {words}")

    def _apply(self, options: dict[str, Any]) -> None:
        from gateway.audit.actor import acting_for
        from gateway.configuration.changes import lines
        from gateway.configuration.problems import BadDocument

        author = _author(options["author"])
        try:
            with acting_for(author):
                outcome = _from_snapshot(options, author) if options["rollback"] else _from_file(options, author)
        except BadDocument as error:
            raise CommandError(f"{error}\nNothing was changed.") from error
        for line in lines(outcome):
            self.stdout.write(line)
        if not outcome.is_applied:
            self.stdout.write(f"Dry run: {outcome.summary}. Nothing was changed.")
        elif outcome.snapshot is None:
            self.stdout.write("Nothing to change.")
        else:
            words = f"Applied: {outcome.summary}. Snapshot {outcome.snapshot} keeps what was before."
            self.stdout.write(words)


def _from_file(options: dict[str, Any], author: Any) -> Any:
    from gateway.configuration.carry_out import apply
    from gateway.configuration.parse import LARGEST_BYTES, parse

    name = options["file"]
    try:
        with sys.stdin.buffer if name == "-" else Path(name).open("rb") as file:
            content = file.read(LARGEST_BYTES + 1)
    except OSError as error:
        raise CommandError(f"{name} cannot be read: {error.strerror}.") from error
    order = _order(options, author, f"import of {'standard input' if name == '-' else Path(name).name}")
    return apply(parse(content), order)


def _from_snapshot(options: dict[str, Any], author: Any) -> Any:
    from gateway.configuration import snapshots

    number = options["rollback"]
    if number != LATEST and not number.isdecimal():
        raise CommandError("--rollback takes the number of a snapshot: see --list.")
    snapshot = snapshots.find(None if number == LATEST else int(number))
    if snapshot is None:
        raise CommandError("There is no such snapshot: see --list.")
    return snapshots.bring_back(snapshot, _order(options, author, ""))


def _order(options: dict[str, Any], author: Any, what: str) -> Any:
    from gateway.configuration.order import Order

    return Order(
        what=what,
        author=author,
        author_name=author.get_username() if author else "",
        reason=options["reason"],
        prune=options["prune"],
        is_dry_run=options["dry_run"],
    )


def _author(name: str) -> Any:
    from gateway.accounts.models import User

    if not name:
        return None
    found = User.objects.filter(username=name, is_active=True).first()
    if found is None:
        raise CommandError(f"There is no user {name} who may sign in: name another, or leave --author out.")
    return found
