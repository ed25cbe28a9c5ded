"""Texts of a template that nobody marked for translation: between its tags, and in attributes that people see."""

import re
from collections.abc import Iterator

SEEN_ATTRIBUTES = ("title", "aria-label", "placeholder", "alt", "label", "data-ask")
# Names, units and keys that are the same in every language.
ALLOWED = (
    "Gantry", "DICOM", "DICOMweb", "AE title", "AE titles", "API", "CSV", "ZIP", "JSON", "TLS", "UTC", "UID", "VR",
    "PID", "Celery", "DCMTK", "OHIF", "SHA-256", "STAT", "HTTP", "SOP", "ms", "kB", "MB", "GB", "TB", "Esc", "j", "k",
    "x", "o", "g", "d", "s", "q", "t", "r", "a",
)  # fmt: skip
_DJANGO = re.compile(r"\{%.*?%\}|\{\{.*?\}\}|\{#.*?#\}", re.DOTALL)
_TRANSLATED = re.compile(
    r"\{% blocktranslate\b.*?\{% endblocktranslate %\}|\{% comment\b.*?\{% endcomment %\}|<!--.*?-->|<style.*?</style>",
    re.DOTALL,
)
_ATTRIBUTE = re.compile(rf"(?<=\s)(?:{'|'.join(SEEN_ATTRIBUTES)})=(?:\"([^\"]*)\"|'([^']*)')")
_ARGUMENT = re.compile(
    r"\{%\s*(?:icon|sort_header)\s+\"[^\"]*\"\s+\"([^\"]+)\"|\{\{[^}]*\|default(?:_if_none)?:\"([^\"]+)\""
)
_TAG = re.compile(r"</?[a-zA-Z!][^<>]*>", re.DOTALL)
_ENTITY = re.compile(r"&#?\w+;|\b0x[0-9A-F]+")
_WORD = re.compile(rf"(?<![\w-])(?:{'|'.join(map(re.escape, sorted(ALLOWED, key=len, reverse=True)))})(?![\w-])")


def untranslated(template: str) -> list[str]:
    """Each text with letters that stands outside of Django's tags for translation."""
    rest = _TRANSLATED.sub("", template)
    found = [text for match in _ARGUMENT.finditer(rest) for text in match.groups() if text]
    # What Django fills in is none of the template's words; a quote or a bracket in it would only confuse what follows.
    rest = _DJANGO.sub("\0", rest)
    found += [text for tag in _TAG.findall(rest) for text in _attributes(tag)]
    found += _TAG.split(rest)
    return [" ".join(text.replace("\0", "…").split()) for text in found if _says_something(text)]


def _attributes(tag: str) -> Iterator[str]:
    for match in _ATTRIBUTE.finditer(tag):
        yield match.group(1) or match.group(2) or ""


def _says_something(text: str) -> bool:
    return any(character.isalpha() for character in _WORD.sub("", _ENTITY.sub("", text)))
