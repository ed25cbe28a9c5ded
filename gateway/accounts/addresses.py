"""Where a request comes from."""

from django.conf import settings
from django.http import HttpRequest


def address_of(request: HttpRequest | None) -> str:
    """The caller's IP address; empty when there is no request, or none that has one.

    Of ``X-Forwarded-For`` only what a proxy of GANTRY_TRUSTED_PROXIES wrote is believed: whatever stands further to the
    left was sent by the caller, who would be somebody else with each attempt.
    """
    if request is None:
        return ""
    hops = [hop.strip() for hop in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if hop.strip()]
    address = str(request.META.get("REMOTE_ADDR", ""))
    while hops and address in settings.GANTRY.trusted_proxies:
        address = hops.pop()
    return address[:45]
