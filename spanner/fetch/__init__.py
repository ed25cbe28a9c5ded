"""Bring studies from the archives that have them into this one (docs/federation.md)."""
