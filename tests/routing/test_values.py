"""Values in the character sets of the standard: what was encoded reads as it was, and what cannot be is refused."""

import pytest

from routing.values import BadValue, check, decode, encode


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("Adams^John", b""),
        ("Müller^Jörg", b"ISO_IR 100"),
        ("Wałęsa", b"ISO_IR 101"),
        ("Διονυσιος", b"ISO_IR 126"),
        ("Люкceмбypг", b"ISO_IR 144"),  # noqa: RUF001 (Cyrillic is what it is about)
        ("ﾔﾏﾀﾞ^ﾀﾛｳ", b"ISO_IR 13"),
        ("山田^太郎", b"ISO_IR 192"),
        ("王^小东", b"GB18030"),
        ("Yamada^Tarou=山田^太郎=やまだ^たろう", b"\\ISO 2022 IR 87"),
        ("ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう", b"ISO 2022 IR 13\\ISO 2022 IR 87"),
        ("Hong^Gildong=洪^吉洞=홍^길동", b"\\ISO 2022 IR 149"),
        ("Zhang^XiaoDong=张^小东", b"\\ISO 2022 IR 58"),
        ("Jérôme=山田", b"ISO 2022 IR 100\\ISO 2022 IR 87"),
    ],
)
def test_what_was_encoded_reads_as_it_was(text: str, terms: bytes) -> None:
    assert decode("PN", encode("PN", text, terms, "<"), terms, "<") == text


@pytest.mark.parametrize(
    ("vr", "text", "terms"),
    [
        ("LO", "Müller", b""),
        ("LO", "Müller", b"ISO_IR 6"),
        ("LO", "Wałęsa", b"ISO_IR 100"),
        ("LO", "山", b"ISO_IR 13"),
        ("LO", "😀", b"\\ISO 2022 IR 149\\NO SUCH SET"),
        ("AE", "MÜLLER", b"ISO_IR 192"),
    ],
)
def test_what_a_character_set_has_not_is_refused(vr: str, text: str, terms: bytes) -> None:
    with pytest.raises(BadValue):
        encode(vr, text, terms, "<")


def test_numbers_are_in_the_byte_order() -> None:
    assert encode("US", "1\\2", b"", ">") == b"\0\1\0\2"
    assert decode("US", b"\0\1\0\2", b"", ">") == "1\\2"


@pytest.mark.parametrize(("vr", "text"), [("US", "65536"), ("US", "1.5"), ("FL", "nan"), ("FD", "inf"), ("SS", "x")])
def test_numbers_that_do_not_fit_are_refused(vr: str, text: str) -> None:
    with pytest.raises(BadValue):
        check(vr, text)


def test_bytes_that_are_not_valid_are_not_taken_for_text() -> None:
    with pytest.raises(BadValue):
        decode("LO", b"M\xfcller", b"ISO_IR 192", "<")
