"""Install OHIF from its npm package: checked, trimmed to what is used, and moved to ``/ohif/``."""

import base64
import gzip
import hashlib
import re
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from gateway.viewer.node import Node

PACKAGE = "@ohif/app@3.13.2"
INTEGRITY = "sha512-WZdxmpmG7rqFgW9ZJLcbgr3XCtLi1KDNPoMaeY5PPe6j4G4fjEjjkycZM6C6Zk2F87BKxFfpq+jd5xXZB9E8EA=="
ROOT = "/ohif/"
_PACK_SECONDS = 300
_SMALLEST_PACKED_BYTES = 10_000
# Segmentation by neural networks, microscopy, service worker and cloud sign-in: not offered, and most of its size.
_LEFT_OUT = ("ort/", "dicom-microscopy-viewer/", "customizations/")
_LEFT_OUT_FILES = frozenset(
    [
        "sw.js",
        "google.js",
        "init-service-worker.js",
        "oidc-client.min.js",
        "silent-refresh.html",
        "serve.json",
        "_headers",
        "_redirects",
        "manifest.json",
        "es6-shim.min.js",
        "polyfill.min.js",
    ]
)
_INLINE = re.compile(r"<script>(.*?)</script>", re.DOTALL)
_UNUSED_TAGS = re.compile(
    r"<link rel=\"(?:manifest|apple-touch-[a-z-]+|yandex-tableau-widget)\"[^>]*>"
    r"|<meta name=\"msapplication-[^>]*>|<script[^>]*init-service-worker\.js\"[^>]*></script>"
)
APP_CONFIG = """window.config = {
  routerBasename: "/ohif",
  extensions: [],
  modes: [],
  customizationService: [{ "ohif.tours": { $set: [] } }],
  showStudyList: true,
  maxNumberOfWebWorkers: 3,
  showWarningMessageForCrossOrigin: false,
  showCPUFallbackMessage: true,
  strictZSpacingForVolumeViewport: true,
  httpErrorHandler: error => {
    if (error.status === 401) {
      location.assign(`/sign-in/?next=${encodeURIComponent(location.pathname + location.search)}`);
    }
  },
  defaultDataSourceName: "gantry",
  dataSources: [{
    namespace: "@ohif/extension-default.dataSourcesModule.dicomweb",
    sourceName: "gantry",
    configuration: {
      friendlyName: "Gantry",
      name: "gantry",
      wadoUriRoot: "/dicom-web/wado",
      qidoRoot: "/dicom-web",
      wadoRoot: "/dicom-web",
      qidoSupportsIncludeField: true,
      imageRendering: "wadors",
      thumbnailRendering: "wadors",
      enableStudyLazyLoad: true,
      supportsFuzzyMatching: true,
      supportsWildcard: true,
      staticWado: false,
      singlepart: "bulkdata,video,pdf",
      omitQuotationForMultipartRequest: true,
      bulkDataURI: { enabled: true, relativeResolution: "studies" },
    },
  }],
};
"""


class CannotInstall(Exception):
    """OHIF was not installed; the message is one sentence that says why."""


def install_ohif(node: Node, target: Path, say: Callable[[str], None]) -> None:
    """Fetch, check, unpack and change it; it takes its place when it is whole.

    Raises:
        CannotInstall: the package cannot be had, or is not the one that was looked at.
    """
    work = target.with_name(f"{target.name}.new")
    shutil.rmtree(work, ignore_errors=True)
    try:
        (work / "package").mkdir(parents=True)
        say(f"Fetching {PACKAGE} (50 MB) ...")
        archive = _fetch(node, work / "package")
        say("Unpacking and moving it to /ohif/ ...")
        unpack(archive, work / "dist")
        move(work / "dist")
        shutil.rmtree(target, ignore_errors=True)
        (work / "dist").rename(target)
    except (OSError, subprocess.SubprocessError, tarfile.TarError) as error:
        raise CannotInstall(f"{PACKAGE} could not be installed: {error}") from error
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _fetch(node: Node, folder: Path) -> Path:
    subprocess.run(
        [*node.npm, "pack", PACKAGE, "--pack-destination", str(folder), "--loglevel=error", "--fetch-retries=1"],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        check=True,
        timeout=_PACK_SECONDS,
    )
    (archive,) = folder.glob("*.tgz")
    check(archive)
    return archive


def check(archive: Path) -> None:
    """Compare it with the package that was looked at.

    Raises:
        CannotInstall: it is another one.
    """
    with archive.open("rb") as content:
        digest = hashlib.file_digest(content, "sha512").digest()
    if f"sha512-{base64.b64encode(digest).decode()}" != INTEGRITY:
        raise CannotInstall(f"What came as {PACKAGE} is not the package that was checked; nothing was installed.")


def unpack(archive: Path, target: Path) -> None:
    """Write what is used of the package's ``dist`` folder."""
    with tarfile.open(archive, "r:gz") as package:
        for member in package:
            path = PurePosixPath(member.name)
            if not member.isfile() or path.parts[:2] != ("package", "dist") or ".." in path.parts:
                continue
            name = str(PurePosixPath(*path.parts[2:]))
            if name.startswith(_LEFT_OUT) or name in _LEFT_OUT_FILES or name.endswith(".map"):
                continue
            content = package.extractfile(member)
            assert content is not None  # noqa: S101 (a regular file has content)
            place = target / name
            place.parent.mkdir(parents=True, exist_ok=True)
            with place.open("wb") as out:
                shutil.copyfileobj(content, out)


def move(folder: Path) -> None:
    """Change it from the root of a site to ``/ohif/``, take script out of its page, and pack what is large."""
    for path in folder.glob("*.js"):
        _replace(path, b'__webpack_require__.p = "/"', b'__webpack_require__.p = "/ohif/"')
    for path in folder.glob("*.css"):
        _replace(path, b"url(/", b"url(/ohif/")
    (folder / "app-config.js").write_text(APP_CONFIG)
    page, boot = page_and_boot((folder / "index.html").read_text())
    (folder / "index.html").write_text(page)
    (folder / "boot.js").write_text(boot)
    for path in [*folder.glob("*.js"), *folder.glob("*.css"), *folder.glob("*.wasm")]:
        if path.stat().st_size >= _SMALLEST_PACKED_BYTES:
            with path.open("rb") as content, gzip.open(f"{path}.gz", "wb", compresslevel=6) as packed:
                shutil.copyfileobj(content, packed)


def page_and_boot(html: str) -> tuple[str, str]:
    """The page with addresses under ``/ohif/`` and without inline script, and that script."""
    scripts = [script.replace('PUBLIC_URL="/"', f'PUBLIC_URL="{ROOT}"') for script in _INLINE.findall(html)]
    html = _UNUSED_TAGS.sub("", _INLINE.sub("", html))
    html = re.sub(r'(href|src)="/', rf'\1="{ROOT}', html)
    html = html.replace("<head>", f'<head><script src="{ROOT}boot.js"></script>', 1)
    return html, ";\n".join(scripts) + ";\n"


def _replace(path: Path, old: bytes, new: bytes) -> None:
    content = path.read_bytes()
    if old in content:
        path.write_bytes(content.replace(old, new))
