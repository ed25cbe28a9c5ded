"""What a database role of Gantry's own may do: everything but change or remove what is on record (PostgreSQL)."""

from collections.abc import Iterable
from typing import Any

from gateway.audit.guard import SEGMENTS, TABLE

APPEND_ONLY = (TABLE, SEGMENTS)
CHAINS = "audit_chain"  # whose heads move on, and that never go
VERDICTS = "audit_verification"
MIGRATIONS = "django_migrations"


def statements(connection: Any, role: str, schema: str) -> Iterable[str]:
    """SQL for the owner of the tables, who gives the role what it needs; running it again changes nothing.

    Args:
        connection: quotes names, and is not asked anything.
        role: exists already.
        schema: where the tables are.
    """
    quote = connection.ops.quote_name
    to, tables = quote(role), {name: f"{quote(schema)}.{quote(name)}" for name in (*APPEND_ONLY, CHAINS, VERDICTS)}
    tables[MIGRATIONS] = f"{quote(schema)}.{quote(MIGRATIONS)}"
    everything = "SELECT, INSERT, UPDATE, DELETE"
    yield f"GRANT USAGE ON SCHEMA {quote(schema)} TO {to}"
    yield f"GRANT {everything} ON ALL TABLES IN SCHEMA {quote(schema)} TO {to}"
    yield f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA {quote(schema)} TO {to}"
    # What later versions add; of what they add to the audit trail this is run again.
    yield f"ALTER DEFAULT PRIVILEGES IN SCHEMA {quote(schema)} GRANT {everything} ON TABLES TO {to}"
    yield f"ALTER DEFAULT PRIVILEGES IN SCHEMA {quote(schema)} GRANT USAGE, SELECT ON SEQUENCES TO {to}"
    for name in (*APPEND_ONLY, VERDICTS):
        yield f"REVOKE ALL ON {tables[name]} FROM {to}"
        yield f"GRANT SELECT, INSERT ON {tables[name]} TO {to}"
    yield f"REVOKE ALL ON {tables[CHAINS]} FROM {to}"
    yield f"GRANT SELECT, INSERT, UPDATE ON {tables[CHAINS]} TO {to}"
    yield f"REVOKE ALL ON {tables[MIGRATIONS]} FROM {to}"
    yield f"GRANT SELECT ON {tables[MIGRATIONS]} TO {to}"
