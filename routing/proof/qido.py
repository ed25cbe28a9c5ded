"""Ask a DICOMweb destination what it has, by QIDO-RS (PS3.18 10.6)."""

from collections.abc import Collection
from typing import Any

import httpx
from django.conf import settings

from dicomnet.scu.association import PeerError
from dicomnet.tls import BadTlsFile, reloading_client
from routing.models import Destination, HttpAuthentication
from routing.proof.sent import Sent

PAGE = 1000
MAXIMUM_PAGES = 1000
SOP_INSTANCE_UID = "00080018"


def kept(destination: Destination, asked: Collection[Sent]) -> set[str]:
    """Which of these it has, by SOP Instance UID.

    Raises:
        PeerError: it cannot be reached, or its answer says nothing.
    """
    found: set[str] = set()
    with _client(destination) as client:
        for study in sorted({sent.study_instance_uid for sent in asked}):
            found |= _of_study(client, destination, study)
    return found & {sent.sop_instance_uid for sent in asked}


def _of_study(client: httpx.Client, destination: Destination, study: str) -> set[str]:
    found: set[str] = set()
    for _ in range(MAXIMUM_PAGES):
        page = _page(client, destination, study, offset=len(found))
        # A server that knows no paging gives the same again.
        if page <= found:
            break
        found |= page
    return found


def _page(client: httpx.Client, destination: Destination, study: str, *, offset: int) -> set[str]:
    try:
        response = client.get(
            f"{destination.url.rstrip('/')}/studies/{study}/instances",
            params={"includefield": SOP_INSTANCE_UID, "limit": PAGE, "offset": offset},
            headers={"Accept": "application/dicom+json"},
        )
        if response.status_code in {httpx.codes.NO_CONTENT, httpx.codes.NOT_FOUND}:
            return set()
        response.raise_for_status()
        return {_uid(item) for item in response.json()}
    except httpx.HTTPStatusError as error:
        raise PeerError(f"{destination.name} answered the query with HTTP {error.response.status_code}") from error
    except httpx.HTTPError as error:
        raise PeerError(f"{destination.name} did not answer the query: {type(error).__name__}") from error
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise PeerError(f"{destination.name} answered the query with something else than DICOM JSON") from error


def _uid(item: dict[str, Any]) -> str:
    return str(item[SOP_INSTANCE_UID]["Value"][0])


def _client(destination: Destination) -> httpx.Client:
    """Signed in as the destination says; redirects are not followed, so that a password goes nowhere else."""
    sign_in = HttpAuthentication(destination.authentication)
    headers = {"Authorization": f"Bearer {destination.secret}"} if sign_in == HttpAuthentication.BEARER else {}
    is_basic = sign_in == HttpAuthentication.BASIC
    try:
        tls = reloading_client(settings.GANTRY.tls_files).current() if destination.url.startswith("https:") else True
    except BadTlsFile as error:
        raise PeerError(f"{destination.name} cannot be called over TLS: {error}") from error
    return httpx.Client(
        auth=(destination.username, destination.secret) if is_basic else None,
        headers=headers,
        verify=tls,
        timeout=destination.timeout_seconds,
        trust_env=False,
    )
