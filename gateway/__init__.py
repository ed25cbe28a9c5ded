"""Gantry: wires the apps, runs the processes, serves the pages that belong to no app."""

from gateway.celery import app as celery_app

__all__ = ["celery_app"]
