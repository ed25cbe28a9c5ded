"""The audit trail: who did what to whom, append-only, under keys that the database does not have (docs/audit.md)."""
