"""API of tiering."""
"""Tiering's part of the REST API."""
