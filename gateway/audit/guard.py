"""Triggers that keep the audit trail append-only: the database itself refuses to change, remove or empty its rows.

A record goes only when a segment says that it is archived, and segments never change: whoever writes one for records
that are in no file, to have them removed, leaves what ``verifyaudit`` finds, for its signature needs a key.
"""

from typing import Any

TABLE, SEGMENTS = "audit_auditrecord", "audit_segment"
_WORDS = "the audit trail is append-only"
_FUNCTION = "audit_refuse"
# Names of triggers, with table and act; the segments came later.
_SQLITE = {
    "audit_no_update": (TABLE, "UPDATE"),
    "audit_no_delete": (TABLE, "DELETE"),
    "audit_segment_no_update": (SEGMENTS, "UPDATE"),
    "audit_segment_no_delete": (SEGMENTS, "DELETE"),
}
_POSTGRESQL = {
    "audit_no_change": (TABLE, "UPDATE OR DELETE", "ROW"),
    "audit_no_truncate": (TABLE, "TRUNCATE", "STATEMENT"),
    "audit_segment_no_change": (SEGMENTS, "UPDATE OR DELETE", "ROW"),
    "audit_segment_no_truncate": (SEGMENTS, "TRUNCATE", "STATEMENT"),
}
_IS_ARCHIVED = (
    f"EXISTS (SELECT 1 FROM {SEGMENTS} WHERE chain_id = OLD.chain_id"  # noqa: S608 (names of our own)
    " AND OLD.sequence BETWEEN first_sequence AND last_sequence)"
)


def guard(connection: Any) -> None:
    """Make the triggers; those that are there are made anew."""
    unguard(connection)
    has_segments = SEGMENTS in connection.introspection.table_names()
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            _guard_sqlite(cursor, has_segments=has_segments)
        else:
            _guard_postgresql(cursor, has_segments=has_segments)


def unguard(connection: Any) -> None:
    """Remove the triggers."""
    there = set(connection.introspection.table_names())
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            for name in _SQLITE:
                cursor.execute(f"DROP TRIGGER IF EXISTS {name}")
            return
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # a table with checks that wait for the commit is in use
        for name, (table, *_) in _POSTGRESQL.items():
            if table in there:
                cursor.execute(f"DROP TRIGGER IF EXISTS {name} ON {table}")


def is_guarded(connection: Any) -> bool:
    """Whether all triggers are there and at work."""
    if connection.vendor == "sqlite":
        names = tuple(_SQLITE)
        sql = "SELECT count(*) FROM sqlite_master WHERE type = 'trigger' AND name IN (%s, %s, %s, %s)"
    else:
        names = tuple(_POSTGRESQL)
        sql = "SELECT count(*) FROM pg_trigger WHERE tgname IN (%s, %s, %s, %s) AND tgenabled = 'A'"
    with connection.cursor() as cursor:
        cursor.execute(sql, names)
        return bool(cursor.fetchone()[0] == len(names))


def _guard_sqlite(cursor: Any, *, has_segments: bool) -> None:
    for name, (table, act) in _SQLITE.items():
        if table == TABLE or has_segments:
            unless = f" WHEN NOT {_IS_ARCHIVED}" if has_segments and (table, act) == (TABLE, "DELETE") else ""
            cursor.execute(
                f"CREATE TRIGGER {name} BEFORE {act} ON {table}{unless} BEGIN SELECT RAISE(ABORT, '{_WORDS}'); END"
            )


def _guard_postgresql(cursor: Any, *, has_segments: bool) -> None:
    cursor.execute("SELECT quote_ident(current_schema())")
    schema = cursor.fetchone()[0]
    unless = (
        f"IF TG_OP = 'DELETE' AND TG_TABLE_NAME = '{TABLE}' THEN IF {_IS_ARCHIVED} THEN RETURN OLD; END IF; END IF;"
        if has_segments
        else ""
    )
    # The path is fixed, or a temporary table of the same name would stand before that of the segments.
    cursor.execute(
        f"CREATE OR REPLACE FUNCTION {_FUNCTION}() RETURNS trigger LANGUAGE plpgsql SET search_path = {schema}, pg_temp"
        f" AS $$ BEGIN {unless} RAISE EXCEPTION '{_WORDS}'; END $$"
    )
    for name, (table, act, each) in _POSTGRESQL.items():
        if table == TABLE or has_segments:
            cursor.execute(
                f"CREATE TRIGGER {name} BEFORE {act} ON {table} FOR EACH {each} EXECUTE FUNCTION {_FUNCTION}()"
            )
            # Also for whoever replays a replica's changes: ALTER TABLE alone switches it off, and that takes the owner.
            cursor.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}")
