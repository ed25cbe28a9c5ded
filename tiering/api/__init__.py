"""API of tiering."""
