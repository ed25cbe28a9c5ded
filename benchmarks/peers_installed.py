"""Which peers this machine has; what is missing is installed where this user may."""

from collections.abc import Callable

from tests.debian import PACKAGES, install_missing

DICOMWEB = PACKAGES["orthanc-dicomweb"]
DECODER = "/usr/share/orthanc/plugins/libOrthancGdcm.so"  # without it Orthanc reads no JPEG 2000
NEEDED = {
    "dcmtk": PACKAGES["dcmtk"],
    "orthanc": PACKAGES["orthanc"],
    "orthanc-postgresql": "/usr/share/orthanc/plugins/libOrthancPostgreSQLIndex.so",
    "orthanc-dicomweb": DICOMWEB,
    "orthanc-gdcm": DECODER,
}


def missing_peers(say: Callable[[str], None]) -> list[str]:
    """Install what is missing; returns a note for each peer that is missing still."""
    return [f"Left out: {package} is not installed." for package in install_missing(say, NEEDED)]
