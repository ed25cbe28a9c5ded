"""Proof that destinations keep what they said they took: Storage Commitment (PS3.4 Annex J) or a query."""
