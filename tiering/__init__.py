"""Tiers of storage: which copy is where, and when it moves."""
