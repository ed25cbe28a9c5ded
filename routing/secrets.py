"""The stored secrets of destinations, all at once."""

from dicomnet.web.secrets import SecretUnusable, rotated
from routing.models import Destination


def encrypt_anew() -> tuple[int, list[str]]:
    """Encrypt every stored secret under the first key, so that the others may be thrown away.

    Returns:
        How many were, and the names of destinations whose secret no key decrypts.
    """
    count, lost = 0, []
    for pk, name, sealed in Destination.objects.exclude(secret="").values_list("pk", "name", "secret"):
        try:
            fresh = rotated(sealed)
        except SecretUnusable:
            lost.append(name)
            continue
        # Only if nobody entered another one meanwhile.
        count += Destination.objects.filter(pk=pk, secret=sealed).update(secret=fresh)
    return count, lost
