"""Where the viewer's bundle is: a folder named by what it was built from, so that browsers may keep it for ever."""

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

SOURCES = Path(__file__).resolve().parent / "js"
TARGET = SOURCES.parent.parent.parent / "static" / "viewer"
EARLY, MAIN = "early.js", "main.js"


@dataclass(frozen=True)
class Bundle:
    """Addresses of a bundle that is built and served.

    Attributes:
        early: of the small script that asks for what the large one will need.
        main: of the viewer's script.
        wasm: of the folder with the codecs, with a closing slash.
    """

    early: str
    main: str
    wasm: str


def source_digest() -> str:
    """Twelve digits over everything that decides what the bundle is: sources, build script and lock file."""
    digest = hashlib.sha256()
    for path in [SOURCES / "package-lock.json", SOURCES / "build.mjs", *sorted((SOURCES / "src").glob("*.js"))]:
        digest.update(f"{path.name}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def folder(digest: str) -> Path:
    """Where the bundle of these sources is, or would be."""
    return TARGET / digest


def is_built() -> bool:
    """Whether the bundle of the present sources is there, whole."""
    return (folder(source_digest()) / MAIN).is_file()


@cache
def _path() -> str:
    return f"viewer/{source_digest()}"


def bundle() -> Bundle | None:
    """What the page needs; None when it is not built, or was built after this process's static files were collected."""
    from django.templatetags.static import static

    path = _path()
    if not (TARGET.parent / path / MAIN).is_file():
        return None
    try:
        early, main = static(f"{path}/{EARLY}"), static(f"{path}/{MAIN}")
    except ValueError:
        return None
    return Bundle(early, main, f"{main.rpartition('/')[0]}/wasm/")
