"""The catalogue of translations is whole, agrees with the sources, and leaves no text of a page out."""

import re
from collections import Counter
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import read_mo

from gateway.languages.catalogue import LANGUAGES, ROOT, folder, marked_texts, read
from gateway.portal.script_words import WORDS
from gateway.viewer.words import TEXTS
from tests.gateway.languages.texts import untranslated

pytestmark = pytest.mark.embedded

SAME = frozenset((Path(__file__).parent / "same_in_spanish.txt").read_text().splitlines())
FOLDERS = sorted({path.parent for path in (ROOT / "templates").rglob("*.html")} - {ROOT / "templates" / "admin"})
PLACEHOLDER = re.compile(r"%\(\w+\)[a-z]|%%|\{\w+\}")
TAG = re.compile(r"</?(\w+)")
SCRIPT_TEXT = re.compile(r"\bt\(\s*(\"(?:[^\"\\]|\\.)*\")")


@pytest.fixture(scope="module", params=LANGUAGES)
def catalogue(request: pytest.FixtureRequest) -> Catalog:
    return read(folder(request.param) / "django.po", request.param)


def messages(catalogue: Catalog) -> list[Message]:
    return [message for message in catalogue if message.id]


def forms(value: object) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)  # type: ignore[arg-type]


def keys(catalogue: Catalog) -> set[tuple[object, ...]]:
    return {(message.context, *forms(message.id)) for message in messages(catalogue)}


def test_every_text_is_translated_and_sure(catalogue: Catalog) -> None:
    bad = [message.id for message in messages(catalogue) if message.fuzzy or not all(forms(message.string))]

    assert bad == []


def test_what_is_the_same_in_both_is_listed(catalogue: Catalog) -> None:
    same = {message.id for message in messages(catalogue) if message.id == message.string}

    assert sorted(same - SAME) == []
    assert sorted(SAME - same) == []


def test_placeholders_and_tags_agree(catalogue: Catalog) -> None:
    bad = []
    for message in messages(catalogue):
        ids, strings = forms(message.id), forms(message.string)
        for string in strings:
            source = ids[0] if string == strings[0] else ids[-1]
            if any(Counter(kind.findall(source)) != Counter(kind.findall(string)) for kind in (PLACEHOLDER, TAG)):
                bad.append((source, string))

    assert bad == []


def test_space_around_a_text_stays(catalogue: Catalog) -> None:
    def edges(text: str) -> tuple[bool, bool]:
        return text[:1].isspace(), text[-1:].isspace()

    wrong = [each.id for each in messages(catalogue) if edges(forms(each.id)[0]) != edges(forms(each.string)[0])]

    assert wrong == []


def test_catalogue_has_what_the_sources_mark(catalogue: Catalog) -> None:
    marked, there = keys(marked_texts()), keys(catalogue)

    assert sorted(map(str, marked - there)) == [], "run make translations"
    assert sorted(map(str, there - marked)) == [], "run make translations"


def test_compiled_file_is_that_of_the_texts(catalogue: Catalog) -> None:
    with (folder(str(catalogue.locale)) / "django.mo").open("rb") as file:
        compiled = read_mo(file)

    found = {(each.context, forms(each.id)[0]): forms(each.string) for each in messages(compiled)}
    assert found == {(each.context, forms(each.id)[0]): forms(each.string) for each in messages(catalogue)}


@pytest.mark.parametrize("home", FOLDERS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_text_of_a_template_is_left_out(home: Path) -> None:
    found = {path.name: untranslated(path.read_text()) for path in sorted(home.glob("*.html"))}

    assert {name: texts for name, texts in found.items() if texts} == {}


@pytest.mark.parametrize(
    ("template", "found"),
    [
        ("<p>Hello</p>", ["Hello"]),
        ('<a title="Hello {{ name }}">{% translate "You" %}</a>', ["Hello …"]),
        ('{% icon "sun" "Light" %}', ["Light"]),
        ('{{ name|default:"nobody" }}', ["nobody"]),
        ("<p>{% if a > b %}and{% endif %}</p>", ["and"]),
        ('{% blocktranslate %}Hello <b title="x">you</b>{% endblocktranslate %}', []),
        ('<p class="no text">{{ name }} · 3 MB {# note #}</p>', []),
    ],
)
def test_check_of_templates_finds(template: str, found: list[str]) -> None:
    assert [text.strip("…") for text in untranslated(template)] == [text.strip("…") for text in found]


def test_texts_of_the_viewer_are_listed() -> None:
    scripts = sorted((ROOT / "gateway" / "viewer" / "js" / "src").glob("*.js"))
    written = {text[1:-1] for path in scripts for text in SCRIPT_TEXT.findall(path.read_text())}

    assert written == set(TEXTS)


def test_texts_of_scripts_are_those_that_pages_bring_along() -> None:
    scripts = "".join(path.read_text() for path in sorted((ROOT / "static" / "js").glob("*.js")))

    assert set(re.findall(r"\bWORDS\.(\w+)", scripts)) == set(WORDS)
