"""The archive's part of the REST API."""
