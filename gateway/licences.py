"""Every Python and JavaScript package that is part of Gantry, with its licence and the licence's text."""

import json
import re
from dataclasses import dataclass
from functools import cache
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from gateway.env_values import BASE_DIR
from gateway.viewer.bundle import SOURCES
from gateway.viewer.ohif import ohif_folder
from gateway.viewer.ohif_install import PACKAGE as OHIF

PYTHON, JAVASCRIPT = "python", "javascript"
NOT_STATED = "not stated"
_LOCKED = re.compile(r"^([A-Za-z0-9._-]+)==", re.MULTILINE)
_IS_TEXT = re.compile(r"(licen[cs]e|copying|notice|copyright)", re.IGNORECASE)
_LONGEST_NAME = 60  # some write the whole text where the name belongs


@dataclass(frozen=True)
class Package:
    """A package.

    Attributes:
        texts: files that came with it.
        page: where its registry shows it, for those without a text.
    """

    ecosystem: str
    name: str
    version: str
    licence: str
    texts: tuple[Path, ...]
    page: str


@cache
def packages() -> tuple[Package, ...]:
    """All that are installed, by ecosystem and name; read once, for what a process runs does not change."""
    return (*_python_packages(), *_javascript_packages())


def find(ecosystem: str, name: str) -> Package | None:
    """The package of this name; None: there is none."""
    return next((each for each in packages() if (each.ecosystem, each.name) == (ecosystem, name)), None)


def text_of(package: Package) -> str:
    """Its licences, one after the other; empty where it came without a text."""
    return "\n\n".join(path.read_text(errors="replace").strip() for path in package.texts if path.is_file())


def _python_packages() -> list[Package]:
    """Those that are pinned for running; tools of development are not part of the product."""
    found = []
    for name in _LOCKED.findall((BASE_DIR / "requirements" / "base.txt").read_text()):
        try:
            found.append(_python_package(distribution(name)))
        except PackageNotFoundError:  # of another kind of machine
            continue
    return sorted(found, key=lambda package: package.name.lower())


def _python_package(found: Distribution) -> Package:
    name, version = found.metadata["Name"], found.version
    files = [file for file in found.files or [] if _IS_TEXT.match(file.name) and file.suffix not in {".py", ".pyc"}]
    return Package(
        PYTHON,
        name,
        version,
        _python_licence(found),
        tuple(Path(str(found.locate_file(file))) for file in files),
        f"https://pypi.org/project/{name}/{version}/",
    )


def _python_licence(found: Distribution) -> str:
    about = found.metadata.json
    if "license_expression" in about:
        return str(about["license_expression"])
    classifiers = [each for each in about.get("classifier", []) if each.startswith("License ::")]
    names = [each.rpartition(" :: ")[2] for each in classifiers]
    written = str(about.get("license", "")).strip()
    if len(names) != 1 and names:
        return " or ".join(names)
    if written and len(written) <= _LONGEST_NAME and "\n" not in written:
        return written
    return names[0] if names else NOT_STATED


def _javascript_packages() -> list[Package]:
    """Those that the viewer's bundle may hold parts of, and OHIF where it is installed."""
    lock = json.loads((SOURCES / "package-lock.json").read_text())["packages"]
    # One that several others want in different versions is there more than once; it is listed once for each version.
    found: dict[tuple[str, str], Package] = {}
    for place, about in lock.items():
        name = place.rpartition("node_modules/")[2]
        if name and not about.get("dev"):
            found.setdefault((name, about["version"]), _javascript_package(name, about, SOURCES / place))
    if ohif_folder().is_dir():
        name, _, version = OHIF.rpartition("@")
        found[name, version] = _javascript_package(name, {"version": version, "license": "MIT"}, ohif_folder())
    return [found[key] for key in sorted(found)]


def _javascript_package(name: str, about: dict[str, str], folder: Path) -> Package:
    texts = [path for path in sorted(folder.glob("*")) if _IS_TEXT.match(path.name) and path.suffix != ".js"]
    version = about["version"]
    page = f"https://www.npmjs.com/package/{name}/v/{version}"
    return Package(JAVASCRIPT, name, version, about.get("license", NOT_STATED), tuple(texts), page)
