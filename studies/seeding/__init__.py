"""Fictitious records for lists and dashboards at the size of a hospital (docs/lab.md)."""
