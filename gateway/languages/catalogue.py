"""Bring the translations up to date with the sources: ``python -m gateway.languages.catalogue [MORE.po ...]``.

Every text that is marked is put into ``locale/LANGUAGE/LC_MESSAGES/django.po``, what no source has any more leaves it,
and ``django.mo`` is compiled from it. Translations that are missing are taken from the files that are named.
"""

import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import DEFAULT_KEYWORDS, extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.utils.translation.template import templatize

ROOT = Path(__file__).resolve().parent.parent.parent
APPS = ("gateway", "dicomnet", "studies", "routing", "tiering", "spanner")
LANGUAGES = ("es",)
_LAZY = ("gettext_lazy", "ngettext_lazy", "pgettext_lazy", "npgettext_lazy")
KEYWORDS = (
    DEFAULT_KEYWORDS | {"gettext_noop": None} | {name: DEFAULT_KEYWORDS[name.removesuffix("_lazy")] for name in _LAZY}
)
_WIDTH = 120


def folder(language: str) -> Path:
    """Where the catalogue of a language is."""
    return ROOT / "locale" / language / "LC_MESSAGES"


def read(path: Path, language: str) -> Catalog:
    """A ``.po`` file; an empty catalogue where there is none."""
    if not path.exists():
        return Catalog(locale=language, project="Gantry", charset="utf-8", fuzzy=False)
    with path.open("rb") as file:
        return read_po(file, locale=language)


def marked_texts() -> Catalog:
    """Every text of sources and templates that is marked for translation, with the files in which it stands."""
    found = Catalog(project="Gantry", charset="utf-8", fuzzy=False)
    for path in [*_sources(), *_templates()]:
        text = path.read_text()
        if "gettext" not in text and "i18n" not in text:
            continue
        for _, message, comments, context in extract("python", BytesIO(_as_python(path, text).encode()), KEYWORDS):
            found.add(message, locations=[(str(path.relative_to(ROOT)), 0)], auto_comments=comments, context=context)
    return found


def update(language: str, more: list[Path]) -> list[str]:
    """Write the files of a language; returns the texts that have no translation yet."""
    home = folder(language)
    home.mkdir(parents=True, exist_ok=True)
    po = home / "django.po"
    catalogue = read(po, language)
    created_at = catalogue.creation_date
    catalogue.update(marked_texts(), no_fuzzy_matching=True)
    catalogue.obsolete.clear()
    catalogue.creation_date = created_at  # else every run would be a change
    others = [read(path, language) for path in more]
    for message in catalogue:
        if message.id and not _is_translated(message.string):
            known = (other.get(message.id, message.context) for other in others)
            given = next((each.string for each in known if each and _is_translated(each.string)), "") or ""
            # Spanish has a third form for millions in some catalogues; this one does with two.
            message.string = given if isinstance(given, str) else (given[0], given[-1])
    with po.open("wb") as file:
        write_po(file, catalogue, width=_WIDTH, sort_output=True, include_lineno=False)
    with (home / "django.mo").open("wb") as file:
        write_mo(file, catalogue)
    return [str(message.id) for message in catalogue if message.id and not _is_translated(message.string)]


def _as_python(path: Path, text: str) -> str:
    """A template as the Python that Django makes of it for extraction; its indentation means nothing."""
    if path.suffix == ".py":
        return text
    return "\n".join(line.lstrip() for line in templatize(text, origin=str(path)).splitlines())


def _sources() -> Iterator[Path]:
    for app in APPS:
        yield from (path for path in sorted((ROOT / app).rglob("*.py")) if "migrations" not in path.parts)


def _templates() -> Iterator[Path]:
    yield from sorted((ROOT / "templates").rglob("*.html"))


def _is_translated(string: str | tuple[str, ...] | list[str] | None) -> bool:
    return bool(string) and (isinstance(string, str) or all(string or ()))


def main(paths: list[str]) -> int:
    """Update every language, and name what is left to translate."""
    missing = {language: update(language, [Path(path) for path in paths]) for language in LANGUAGES}
    for language, texts in missing.items():
        for text in texts:
            print(f"{language}: no translation of {text!r}", file=sys.stderr)  # noqa: T201 (talks to who typed make)
    return 1 if any(missing.values()) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
