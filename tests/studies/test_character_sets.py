"""Text by Specific Character Set (PS3.3 C.12.1.1.2): valid as the standard says it, broken as well as it goes."""

import warnings
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.charset import convert_encodings, decode_bytes
from pydicom.multival import MultiValue

from studies.attributes import ATTRIBUTES, INDEX_TAGS
from studies.character_sets import NAME_DELIMITERS, TEXT_DELIMITERS, character_sets
from studies.header import read_header
from tests.corpus import data_set, element, pydicom_files, write_part10

# Each term that stands alone (PS3.3 Table C.12-2 and C.12-5), Python's codec for it, and text that it can write.
ALONE = {
    "": ("ascii", "Adams^John"),
    "ISO_IR 6": ("ascii", "Adams^John"),
    "ISO_IR 100": ("latin_1", "Buc^Jérôme\\Äneas^Rüdiger"),
    "ISO_IR 101": ("iso8859_2", "Wałęsa\\Čapek"),
    "ISO_IR 109": ("iso8859_3", "Ĉu^Ĝi\\Ħal"),
    "ISO_IR 110": ("iso8859_4", "Āboliņš\\Ķēniņš"),
    "ISO_IR 144": ("iso8859_5", "Люль\\Жюль"),
    "ISO_IR 127": ("iso8859_6", "قباني^لنزار"),
    "ISO_IR 126": ("iso8859_7", "Διονυσιος\\Άννα"),
    "ISO_IR 138": ("iso8859_8", "שרון^דבורה"),
    "ISO_IR 148": ("iso8859_9", "Çavuşoğlu\\İnönü"),
    "ISO_IR 203": ("iso8859_15", "Šaff€\\Œuvre"),
    "ISO_IR 13": ("shift_jis", "ﾔﾏﾀﾞ^ﾀﾛｳ\\ﾊﾅｺ"),
    "ISO_IR 166": ("tis_620", "นามสกุล\\ชื่อ"),
    "ISO_IR 192": ("utf_8", "Wang^XiaoDong=王^小东\\Buc^Jérôme\\Люк\\🙂"),
    "GB18030": ("gb18030", "Wang^XiaoDong=王^小东\\乗^俓\\㐀𠀀"),
    "GBK": ("gbk", "Wang^XiaoDong=王^小东\\乗^俓"),
}


@pytest.mark.parametrize(("term", "codec", "text"), [(term, *rest) for term, rest in ALONE.items()], ids=list(ALONE))
def test_a_term_that_stands_alone(term: str, codec: str, text: str) -> None:
    value = text.encode(codec)
    found = character_sets(term.encode()).text(value, NAME_DELIMITERS)
    assert (found.text, found.is_exact) == (text, True)
    assert character_sets(term.encode() + b" ").text(value).text == text
    if term != "ISO_IR 203":  # which pydicom does not know
        assert decode_bytes(value, convert_encodings(term), {ord("^")}) == text


def jis(text: str) -> bytes:
    return text.encode("iso2022_jp")


def korean(text: str) -> bytes:
    return b"\x1b$)C" + text.encode("euc_kr")


# With code extensions (PS3.3 Tables C.12-3 and C.12-4, PS3.5 6.1.2.5 and annexes H, I, K).
EXTENDED = {
    "kanji": ("\\ISO 2022 IR 87", b"Yamada^Tarou=" + jis("山田") + b"^" + jis("太郎"), "Yamada^Tarou=山田^太郎"),
    "katakana and kanji": (
        "ISO 2022 IR 13\\ISO 2022 IR 87",
        "ﾔﾏﾀﾞ^ﾀﾛｳ=".encode("shift_jis") + b"\x1b$B;3ED\x1b(J^\x1b$BB@O:\x1b(J",
        "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎",
    ),
    "supplementary kanji": ("\\ISO 2022 IR 159", b'x \x1b$(D0!0"\x1b(B y', "x 丂丄 y"),
    "kanji of both sets": ("\\ISO 2022 IR 87\\ISO 2022 IR 159", b"\x1b$B;3\x1b$(D0!\x1b(B", "山丂"),
    "a kanji with a byte of a backslash": ("\\ISO 2022 IR 87", jis("彌") + b"\\" + jis("彌"), "彌\\彌"),
    "a kanji with a byte of a caret": ("\\ISO 2022 IR 87", b"\x1b$B>^\x1b(B^B", "賞^B"),
    "hangul": (
        "\\ISO 2022 IR 149",
        b"Hong^Gildong=" + korean("洪") + b"^" + korean("吉洞") + b"=" + korean("홍") + b"^" + korean("길동"),
        "Hong^Gildong=洪^吉洞=홍^길동",
    ),
    "hangul on three lines": (
        "\\ISO 2022 IR 149",
        korean("김희중") + b"\r\n" + korean("도") + b" x\r\n" + korean("아"),
        "김희중\r\n도 x\r\n아",
    ),
    "chinese": (
        "\\ISO 2022 IR 58",
        b"Zhang^XiaoDong=\x1b$)A" + "张".encode("gb2312") + b"^\x1b$)A" + "小东".encode("gb2312"),
        "Zhang^XiaoDong=张^小东",
    ),
    "latin and cyrillic": (
        "ISO 2022 IR 100\\ISO 2022 IR 144",
        "é ".encode("latin_1") + b"\x1b-L" + "Люк".encode("iso8859_5"),
        "é Люк",
    ),
    "back to the first set by an escape sequence": (
        "ISO 2022 IR 100\\ISO 2022 IR 144",
        b"\x1b-L" + "Люк".encode("iso8859_5") + b"\x1b-A\xe9",
        "Люкé",
    ),
    "a backslash goes back to the first set": (
        "ISO 2022 IR 100\\ISO 2022 IR 126",
        b"\x1b-F" + "Άν".encode("iso8859_7") + b"\\\xe9",
        "Άν\\é",
    ),
    "a caret goes back to the first set": (
        "ISO 2022 IR 100\\ISO 2022 IR 127",
        b"\x1b-G" + "قب".encode("iso8859_6") + b"^\xe9",
        "قب^é",
    ),
    "an equals sign goes back to the first set": (
        "ISO 2022 IR 100\\ISO 2022 IR 138",
        b"\x1b-H" + "שר".encode("iso8859_8") + b"=\xe9",
        "שר=é",
    ),
    "a tab goes back to the first set": (
        "ISO 2022 IR 100\\ISO 2022 IR 166",
        b"\x1b-T" + "นา".encode("tis_620") + b"\t\xe9",
        "นา\té",
    ),
    "all of Latin": (
        "\\ISO 2022 IR 100\\ISO 2022 IR 101\\ISO 2022 IR 109\\ISO 2022 IR 110\\ISO 2022 IR 148\\ISO 2022 IR 203",
        b"\x1b-A\xe9\x1b-B\xb3\x1b-C\xc6\x1b-D\xc0\x1b-M\xdd\x1b-b\xa4",
        "éłĈĀİ€",
    ),
}


@pytest.mark.parametrize(("terms", "value", "text"), EXTENDED.values(), ids=list(EXTENDED))
def test_code_extensions(terms: str, value: bytes, text: str) -> None:
    found = character_sets(terms.encode()).text(value, NAME_DELIMITERS)
    assert (found.text, found.is_exact) == (text, True)


def test_a_caret_in_text_that_is_no_name_resets_nothing() -> None:
    value = b"\x1b-L\xbb^\xbb\\\xbb"
    assert character_sets(b"ISO 2022 IR 100\\ISO 2022 IR 144").text(value, TEXT_DELIMITERS).text == "Л^Л\\»"


LATIN_NAMES = "ISO_IR 100|ISO-IR 100|ISO IR 100|iso_ir 100|ISO_IR100|ISO_IR_100|IR 100|ISO 2022 IR 100|ISO-2022-IR-100"
UTF_8_NAMES = "ISO_IR 192|ISO-IR 192|ISO IR 192|iso_ir 192|UTF-8|utf8|UTF_8|ISO 2022 IR 192|ISO_IR 192 "
OTHER_NAMES = {
    "ISO8859-1": "é",
    "ISO-8859-5": "Л",
    "iso_8859-15": "€",
    "latin1": "é",
    "WINDOWS-1252": "„é",
    "windows-1251": "Ж",
    "gb18030": "王",
    "GB 18030": "王",
    "gbk": "王",
    "ISO 2022 GBK": "王",
    "GB2312": "王",
    "BIG5": "王",
    "SHIFT_JIS": "山",
    "EUC-KR": "홍",
    "EUC-JP": "山",
    "US-ASCII": "x",
}
CODECS = {"ISO8859-1": "latin_1", "ISO-8859-5": "iso8859_5", "ISO 2022 GBK": "gbk", "GB 18030": "gb18030"}


@pytest.mark.parametrize("term", [*LATIN_NAMES.split("|"), *UTF_8_NAMES.split("|"), *OTHER_NAMES])
def test_terms_as_devices_write_them(term: str) -> None:
    text, codec = OTHER_NAMES.get(term, "é"), CODECS.get(term, term)
    if "192" in term or "100" in term:
        codec = "utf_8" if "192" in term else "latin_1"
    sets = character_sets(term.encode())
    assert sets.unknown == ()
    assert sets.text(text.encode(codec)).text == text


@pytest.mark.parametrize(
    "terms", ["\\ISO_IR 87", "\\IR 87", "\\ISO-2022-IR-87", "\\iso 2022 ir 87", "\\ISO 2022-IR 87"]
)
def test_code_extensions_without_their_prefix(terms: str) -> None:
    assert character_sets(terms.encode()).text(jis("山田") + b"=x").text == "山田=x"


# Terms, value, and what a reader can make of it.
BROKEN: dict[str, tuple[bytes, bytes, str]] = {
    "unknown term": (b"KLINGON", b"D\xf6e", "Döe"),
    "unknown term, text in UTF-8": (b"KLINGON", "Döe".encode(), "Döe"),
    "unknown number": (b"ISO_IR 999", b"D\xf6e", "Döe"),
    "term of noise": (b"\xff\xfe", b"D\xf6e", "Döe"),
    "nothing declared": (b"", b"D\xf6e", "Döe"),
    "nothing declared, text in UTF-8": (b"", "山田".encode(), "山田"),
    "nothing declared, kanji by escape sequence": (b"", jis("山田"), "山田"),
    "UTF-8 declared Latin-1": (b"ISO_IR 100", "Jérôme".encode(), "Jérôme"),
    "UTF-8 declared Cyrillic": (b"ISO_IR 144", "Люк".encode(), "Люк"),
    "UTF-8 declared kanji": (b"\\ISO 2022 IR 87", "山田".encode(), "山田"),
    "UTF-8 declared hangul": (b"\\ISO 2022 IR 149", "홍길동".encode(), "홍길동"),
    "Latin-1 declared UTF-8": (b"ISO_IR 192", b"J\xe9r\xf4me", "Jérôme"),
    "UTF-8 cut within a character": (b"ISO_IR 192", "王^小东".encode()[:-1], "王^小\ufffd"),
    "GB18030 cut within a character": (b"GB18030", "王小东".encode("gb18030")[:-1], "王小\ufffd"),
    "GBK cut within a character": (b"GBK", "王小东".encode("gbk")[:-1], "王小\ufffd"),
    "hangul cut within a character": (b"\\ISO 2022 IR 149", korean("홍길")[:-1], "홍\ufffd"),
    "hangul that nothing designates": (b"\\ISO 2022 IR 149", "홍길동".encode("euc_kr"), "홍길동"),
    "chinese that nothing designates": (b"\\ISO 2022 IR 58", "小东".encode("gb2312"), "小东"),
    "kanji cut within a character": (b"\\ISO 2022 IR 87", b"\x1b$B;3E", "山E"),
    "escape sequence of another set than declared": (b"\\ISO 2022 IR 149", jis("山田") + b" x", "山田 x"),
    "escape sequence of no set": (b"\\ISO 2022 IR 87", b"a\x1b$)Zb", "ab"),
    "escape sequence cut off": (b"\\ISO 2022 IR 87", b"abc\x1b$", "abc$"),
    "escape at the end": (b"\\ISO 2022 IR 87", b"abc\x1b", "abc"),
    "two escapes": (b"\\ISO 2022 IR 87", b"a\x1b\x1b$B;3\x1b(B", "a山"),
    "escape before noise": (b"ISO 2022 IR 100", b"a\x1b\xff\xe9", "aÿé"),
    "escape sequences under a single set": (b"ISO_IR 100", b"\x1b-L\xbb\xee", "Лю"),
    "a byte that Greek does not have": (b"ISO_IR 126", "Διονυσιος".encode("iso8859_7") + b"\xff", "Διονυσιος\ufffd"),
    "UTF-8 among others": (b"ISO 2022 IR 6\\ISO_IR 192", "Jérôme".encode(), "Jérôme"),
    "surrogates in UTF-8": (b"ISO_IR 192", b"a\xed\xa0\x80", "aí\xa0\x80"),
}


@pytest.mark.parametrize(("terms", "value", "text"), BROKEN.values(), ids=list(BROKEN))
def test_what_is_broken_is_read_as_well_as_it_goes_and_told(terms: bytes, value: bytes, text: str) -> None:
    sets = character_sets(terms)
    found = sets.text(value, NAME_DELIMITERS)
    assert found.text == text
    assert sets.unknown or not found.is_exact


@pytest.mark.parametrize("terms", [b"ISO_IR 192", b"\\ISO 2022 IR 87", b"ISO_IR 13", b"\\ISO 2022 IR 149", b"GB18030"])
@pytest.mark.parametrize("piece", [b"\x1b", b"\x1b$B", b"\x1b(B^", b"\xff", b"\xc3", b"\x1b$)C\xff", b"\x81", b"\\="])
def test_long_values_take_linear_time(terms: bytes, piece: bytes) -> None:
    assert isinstance(character_sets(terms).text(piece * (65_536 // len(piece)), NAME_DELIMITERS).text, str)


def as_pydicom_has_it(value: Any) -> list[str]:
    values = list(value) if isinstance(value, MultiValue) else [value]
    # pydicom drops component groups that are empty at the end, and reads no number of frames from an empty value.
    texts = ["" if one is None else str(one).strip().rstrip("=") for one in values]
    return texts if any(texts) else []


@pytest.mark.parametrize(
    "path", [path for path in pydicom_files() if "truncated" not in path.name], ids=lambda path: path.name
)
def test_every_attribute_has_the_value_that_pydicom_reads(path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ds = pydicom.dcmread(path, stop_before_pixels=True)
        header = read_header(path, INDEX_TAGS)
        for attribute in ATTRIBUTES:
            expected = as_pydicom_has_it(ds[attribute.tag].value if attribute.tag in ds else None)
            assert [value.rstrip("=") for value in header.values(attribute.tag)] == expected, attribute.keyword


def test_a_header_tells_what_it_could_not_read_for_certain(tmp_path: Path) -> None:
    def note(terms: bytes, name: bytes) -> str:
        early = element(0x00080005, "CS", terms) + element(0x00100010, "PN", name)
        return read_header(write_part10(tmp_path, data_set(sop_instance_uid=b"1.2", early=early)), INDEX_TAGS).note()

    assert note(b"ISO_IR 100", b"J\xe9r\xf4me") == ""
    assert note(b"ISO_IR 192", b"J\xe9r\xf4me") == "Not in its Specific Character Set: Patient's Name."
    assert note(b"KLINGON", b"Doe") == "Its Specific Character Set is unknown."
