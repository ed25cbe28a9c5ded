"""Routing's part of the REST API."""
