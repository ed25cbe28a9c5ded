"""OHIF, the advanced viewer, where its package has been installed (``manage.py installohif``)."""

from django.conf import settings


def is_installed() -> bool:
    """Whether its files are there."""
    return (settings.GANTRY.home / "ohif" / "index.html").is_file()
