"""Celery tasks of the archive: each drains what it finds."""
