"""Triggers that keep the audit trail append-only: the database itself refuses to change, remove or empty its rows."""

from typing import Any

TABLE = "audit_auditrecord"
_WORDS = "the audit trail is append-only"
_SQLITE = {"audit_no_update": "UPDATE", "audit_no_delete": "DELETE"}
_FUNCTION = "audit_refuse"


def guard(connection: Any) -> None:
    """Make the triggers; those that are there are made anew."""
    unguard(connection)
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            for name, act in _SQLITE.items():
                cursor.execute(
                    f"CREATE TRIGGER {name} BEFORE {act} ON {TABLE} BEGIN SELECT RAISE(ABORT, '{_WORDS}'); END"
                )
            return
        cursor.execute(
            f"CREATE OR REPLACE FUNCTION {_FUNCTION}() RETURNS trigger LANGUAGE plpgsql AS"
            f" $$ BEGIN RAISE EXCEPTION '{_WORDS}'; END $$"
        )
        cursor.execute(
            f"CREATE TRIGGER audit_no_change BEFORE UPDATE OR DELETE ON {TABLE}"
            f" FOR EACH ROW EXECUTE FUNCTION {_FUNCTION}()"
        )
        cursor.execute(
            f"CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON {TABLE}"
            f" FOR EACH STATEMENT EXECUTE FUNCTION {_FUNCTION}()"
        )
        # Also for whoever replays a replica's changes: ALTER TABLE alone switches them off, and that takes the owner.
        for name in ("audit_no_change", "audit_no_truncate"):
            cursor.execute(f"ALTER TABLE {TABLE} ENABLE ALWAYS TRIGGER {name}")


def unguard(connection: Any) -> None:
    """Remove the triggers."""
    names = tuple(_SQLITE) if connection.vendor == "sqlite" else ("audit_no_change", "audit_no_truncate")
    on_table = "" if connection.vendor == "sqlite" else f" ON {TABLE}"
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # a table with checks that wait for the commit is in use
        for name in names:
            cursor.execute(f"DROP TRIGGER IF EXISTS {name}{on_table}")


def is_guarded(connection: Any) -> bool:
    """Whether all triggers are there and at work."""
    if connection.vendor == "sqlite":
        sql = (
            "SELECT count(*) FROM sqlite_master WHERE type = 'trigger'"
            " AND name IN ('audit_no_update', 'audit_no_delete')"
        )
    else:
        sql = (
            "SELECT count(*) FROM pg_trigger WHERE tgname IN ('audit_no_change', 'audit_no_truncate')"
            " AND tgenabled = 'A'"
        )
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return bool(cursor.fetchone()[0] == 2)
