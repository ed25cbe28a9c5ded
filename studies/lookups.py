"""Lookups for patterns with ``*`` and ``?``: anywhere without regard to case, and the whole text with it."""

from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Lookup
from django.db.models.lookups import IContains
from django.db.models.sql.compiler import SQLCompiler


class Wildcard(IContains):
    """``Q(Wildcard(F("patient_name"), "MUELL?R*MAX"))``; ``%``, ``_`` and backslash stand for themselves.

    It keeps the name of icontains, by which each database is asked for its operator.
    """

    def process_rhs(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> tuple[str, Any]:
        """Put LIKE's wildcards for ours, once icontains has escaped what was typed."""
        sql, params = super().process_rhs(compiler, connection)
        return sql, [str(param).replace("*", "%").replace("?", "_") for param in params]


class Like(Lookup):
    """``Q(Like(F("patient_id"), "A?1*"))``: the whole text, case-sensitive; only ``*`` and ``?`` are special.

    SQLite's LIKE takes no notice of case, its GLOB does, and both databases use an index for what stands before the
    first wildcard where they can.
    """

    lookup_name = "like"

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> tuple[str, Any]:
        """For PostgreSQL."""
        return self._compare(compiler, connection, "LIKE", _for_like(str(self.rhs)))

    def as_sqlite(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> tuple[str, Any]:
        """For SQLite, where a set in brackets would be a further wildcard."""
        return self._compare(compiler, connection, "GLOB", str(self.rhs).replace("[", "[[]"))

    def _compare(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, operator: str, pattern: str
    ) -> tuple[str, Any]:
        sql, params = self.process_lhs(compiler, connection)
        return f"{sql} {operator} %s", [*params, pattern]


def _for_like(pattern: str) -> str:
    for special in "\\%_":
        pattern = pattern.replace(special, f"\\{special}")
    return pattern.replace("*", "%").replace("?", "_")
