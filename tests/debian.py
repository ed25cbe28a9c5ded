"""Debian packages that tests use: peers to talk to and a browser to look with."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

# Package -> what shows that it is there: a program on PATH, or a file.
PACKAGES = {
    "dcmtk": "storescp",
    "dicom3tools": "dciodvfy",
    "e2fsprogs": "mkfs.ext4",
    "iproute2": "ip",
    "openssl": "openssl",
    "orthanc": "Orthanc",
    "orthanc-dicomweb": "/usr/share/orthanc/plugins/libOrthancDicomWeb.so",
    "strace": "strace",
    "chromium": "chromium",
    "fonts-dejavu-core": "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",
}
_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_POLICY = Path("/usr/sbin/policy-rc.d")


def install_missing(say: Callable[[str], None], packages: Mapping[str, str] = PACKAGES) -> list[str]:
    """Install what is missing where this user may; returns what is missing still."""
    missing = missing_packages(packages)
    if missing and os.geteuid() == 0 and shutil.which("apt-get"):
        say(f"Installing {' '.join(missing)} (a minute or two); no service of theirs is started ...")
        with _no_service_starts():
            _apt_get(say, "update", "-q")
            _apt_get(say, "install", "-y", "-q", "--no-install-recommends", *missing)
        missing = missing_packages(packages)
    if missing:
        say("Some tests and measurements need Debian packages and are left out without them; as root type:")
        say(f"  apt-get update && apt-get install -y {' '.join(missing)}")
    return missing


def missing_packages(packages: Mapping[str, str] = PACKAGES) -> list[str]:
    """Packages of which nothing is seen."""
    return [package for package, sign in packages.items() if not _is_there(sign)]


def dictionary_path() -> str | None:
    """DCMTK's data dictionary, where Debian puts it and some builds of its tools do not look."""
    found = sorted(Path("/usr/share").glob("libdcmtk*/dicom.dic"))
    return str(found[-1]) if found else None


def _is_there(sign: str) -> bool:
    if sign.startswith("/"):
        return Path(sign).exists()
    # Orthanc lies in /usr/sbin, which is on the PATH of root only.
    return shutil.which(sign, path=f"{os.environ.get('PATH', '')}:{_SYSTEM_PATH}") is not None


@contextmanager
def _no_service_starts() -> Iterator[None]:
    """Keep apt from starting Orthanc's service, which would take ports and files; a policy that is there stays."""
    if _POLICY.exists():
        yield
        return
    _POLICY.write_text("#!/bin/sh\nexit 101\n")
    _POLICY.chmod(0o755)
    try:
        yield
    finally:
        _POLICY.unlink()


def _apt_get(say: Callable[[str], None], *arguments: str) -> None:
    # Its failure shows in what is missing afterwards.
    done = subprocess.run(
        ["apt-get", *arguments],
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    if done.returncode != 0:
        say(done.stdout.decode(errors="replace")[-2000:])
