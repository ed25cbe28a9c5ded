"""Which peers this machine has; what is missing is installed where this user may."""

from collections.abc import Callable

from tests.debian import install_missing

NEEDED = {
    "dcmtk": "storescp",
    "orthanc": "Orthanc",
    "orthanc-postgresql": "/usr/share/orthanc/plugins/libOrthancPostgreSQLIndex.so",
    "orthanc-dicomweb": "/usr/share/orthanc/plugins/libOrthancDicomWeb.so",
    "orthanc-gdcm": "/usr/share/orthanc/plugins/libOrthancGdcm.so",
}


def missing_peers(say: Callable[[str], None]) -> list[str]:
    """Install what is missing; returns a note for each peer that is missing still."""
    return [f"Left out: {package} is not installed." for package in install_missing(say, NEEDED)]
