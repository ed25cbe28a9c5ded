"""Text of responses in the character set of the request (PS3.4 C.2.2.2)."""

import pytest

from studies.character_sets import NAME_DELIMITERS, character_sets
from studies.query.character_sets import repertoire

SUPPLEMENT = ("ISO 2022 IR 159", "\\ISO 2022 IR 159")


@pytest.mark.parametrize("terms", SUPPLEMENT)
@pytest.mark.parametrize("name", ["김희중", "王小东", "山田", "Γιώργος"])
def test_what_another_set_writes_is_not_in_it(terms: str, name: str) -> None:
    with pytest.raises(UnicodeEncodeError):
        repertoire(terms).encode(name, "PN")


@pytest.mark.parametrize("terms", SUPPLEMENT)
@pytest.mark.parametrize("name", ["丂丄^A", "Müller^A"])  # JIS X 0212 has letters with marks
def test_what_it_writes_is_read_as_it_was(terms: str, name: str) -> None:
    encoded = repertoire(terms).encode(name, "PN")
    assert character_sets(terms.encode()).text(encoded, NAME_DELIMITERS).text == name
