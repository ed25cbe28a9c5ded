"""Lookups of patterns with ``*`` and ``?``, without regard to case: anywhere in a text, or the whole of it."""

from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
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


class WholeWildcard(Wildcard):
    """The same for a value as a whole: ``Q(WholeWildcard(F("calling_ae_title"), "CT*"))``."""

    def process_rhs(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> tuple[str, Any]:
        """Without the two wildcards that icontains puts around it."""
        sql, params = super().process_rhs(compiler, connection)
        return sql, [param[1:-1] for param in params]
