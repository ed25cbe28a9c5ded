"""What is wrong with a federation before it is saved; the same for the page and the API."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings


def problems_of(values: Mapping[str, Any]) -> dict[str, str]:
    """What is wrong, by field; empty when nothing is.

    Args:
        values: those that are given.
    """
    if values.get("ae_title") and values["ae_title"] == settings.GANTRY.ae_title:
        return {"ae_title": "That is Gantry's own title, under which its own archive answers; choose another."}
    return {}
