"""Bytes to text by Specific Character Set (PS3.3 C.12.1.1.2, PS3.5 6.1), valid or not; nothing here raises.

What is valid is read as the standard says. What is not is read as it was most likely meant, and said to be inexact:
wrong terms, UTF-8 under another name, Latin-1 under the name of UTF-8, escape sequences that were not announced or are
broken off. pydicom's reader is not used because it knows fewer of these and warns by a module that is not thread-safe.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

ESC = 0x1B
DEFAULT = "ascii"
LATIN_1 = "latin_1"
# By the number in ``ISO_IR n`` and ``ISO 2022 IR n``, with which devices are not particular.
_BY_NUMBER = {
    6: DEFAULT,
    13: "shift_jis",
    14: "shift_jis",
    58: "gb2312",
    87: "jis_x_0208",
    100: LATIN_1,
    101: "iso8859_2",
    109: "iso8859_3",
    110: "iso8859_4",
    126: "iso8859_7",
    127: "iso8859_6",
    138: "iso8859_8",
    144: "iso8859_5",
    148: "iso8859_9",
    149: "euc_kr",
    159: "jis_x_0212",
    166: "tis_620",
    192: "utf_8",
    203: "iso8859_15",
}
_BY_NAME = {
    "UTF8": "utf_8",
    "UNICODE11UTF8": "utf_8",
    "GB18030": "gb18030",
    "GBK": "gbk",
    "GB2312": "gb2312",
    "BIG5": "big5",
    "SHIFTJIS": "cp932",
    "SJIS": "cp932",
    "EUCJP": "euc_jp",
    "EUCKR": "euc_kr",
    "KSC5601": "euc_kr",
    "ASCII": DEFAULT,
    "USASCII": DEFAULT,
    "LATIN1": LATIN_1,
    "WINDOWS1250": "cp1250",
    "WINDOWS1251": "cp1251",
    "WINDOWS1252": "cp1252",
}
# Defined terms that are read (PS3.3 Tables C.12-2 to C.12-5); what is not quite one of them is, too.
_MULTI_BYTE = frozenset((58, 87, 149, 159))
SPECIFIC_CHARACTER_SETS = (
    *(f"ISO_IR {number}" for number in sorted(_BY_NUMBER) if number not in {6, 14, *_MULTI_BYTE}),
    *(f"ISO 2022 IR {number}" for number in sorted(_BY_NUMBER) if number not in {14, 192}),
    "GB18030",
    "GBK",
)
_ALONE = frozenset(("utf_8", "gb18030", "gbk"))  # without code extensions
_NUMBERED = re.compile(r"(?:ISO)?(?:2022)?IR(\d{1,3})")
_ISO_8859 = re.compile(r"ISO(?:IEC)?8859(\d{1,2})")
_NOT_LETTERS = re.compile(r"[^A-Z0-9]")
# PS3.3 Tables C.12-3 and C.12-4; JIS C 6226 and katakana in G0 are what older Japanese devices write.
_G0 = {
    b"(B": DEFAULT,
    b"(J": DEFAULT,
    b"(I": "katakana",
    b"$B": "jis_x_0208",
    b"$@": "jis_x_0208",
    b"$(D": "jis_x_0212",
}
_G1 = {
    b")I": 13,
    b"-A": 100,
    b"-B": 101,
    b"-C": 109,
    b"-D": 110,
    b"-F": 126,
    b"-G": 127,
    b"-H": 138,
    b"-L": 144,
    b"-M": 148,
    b"-T": 166,
    b"-b": 203,
    b"$)A": 58,
    b"$)C": 149,
}
_ESCAPE = re.compile(rb"\x1b([\x20-\x2f]*[\x30-\x7e])?")
_PAIRS = frozenset(("jis_x_0208", "jis_x_0212"))
# In Latin script, what UTF-8 looks like is a capital with a mark and then a symbol: nobody writes that.
_LATIN = frozenset((DEFAULT, LATIN_1, "iso8859_15", "iso8859_9", "cp1252"))
TEXT_DELIMITERS = b"\\\t\n\f\r"
NAME_DELIMITERS = b"\\^=\t\n\f\r"


@dataclass(frozen=True)
class Text:
    """What some bytes say.

    Attributes:
        is_exact: they are valid in the character set that the data set declares.
    """

    text: str
    is_exact: bool = True


@dataclass(frozen=True)
class CharacterSets:
    """The Specific Character Set of a data set.

    Attributes:
        first: codec of what no escape sequence stands before.
        others: codecs that escape sequences may bring in.
        unknown: terms that nobody knows.
    """

    first: str = DEFAULT
    others: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()

    def text(self, value: bytes, delimiters: bytes = TEXT_DELIMITERS) -> Text:
        """Decode a whole value, its backslashes among it.

        Args:
            value: without escape sequences it is in the first character set; these go back to it at each delimiter.
            delimiters: of the VR (PS3.5 6.1.2.5.3).
        """
        if value.isascii() and ESC not in value:
            return Text(value.decode("ascii"))
        if ESC in value and self.first not in _ALONE:
            return self._with_escapes(value, delimiters)
        return self._plain(value, self.first)

    def _plain(self, value: bytes, codec: str) -> Text:
        """Decode what has one codec for all; what that cannot, the next likely one does."""
        if value.isascii():
            return Text(value.decode("ascii"))
        exact = _strictly(value, codec)
        if exact is not None and not (codec in _LATIN and _is_utf_8(value)) and not _has_controls(exact):
            return Text(exact)
        for other in ("utf_8", *(other for other in self.others if other not in _PAIRS)):
            text = _strictly(value, other)
            if text is not None and not _has_controls(text):
                return Text(text, is_exact=False)
        if exact is not None:
            return Text(exact)  # C1 controls mean little, but they are in the set
        return Text(_at_least(value, codec), is_exact=False)

    def _with_escapes(self, value: bytes, delimiters: bytes) -> Text:
        """Decode by ISO 2022: each piece between escape sequences in the sets that these designated."""
        out: list[Text] = []
        state = initial = (DEFAULT, self.first)  # designated to G0 and G1
        position = 0
        for escape in [*_ESCAPE.finditer(value), None]:
            end = escape.start() if escape else len(value)
            piece, position = value[position:end], escape.end() if escape else end
            # In pairs of bytes a delimiter's code is half a character; a control character never is.
            cut = _delimiter_in(piece, b"\t\n\f\r" if state[0] in _PAIRS else delimiters)
            if cut is not None and state != initial:
                out.append(self._piece(piece[:cut], *state))
                piece, state = piece[cut:], initial
            out.append(self._piece(piece, *state))
            if escape is None:
                break
            designation = escape.group(1) or b""
            if designation in _G0:
                codec = _G0[designation]
                state = (codec, state[1])
            elif designation in _G1:
                codec = _BY_NUMBER[_G1[designation]]
                state = (DEFAULT if state[0] in _PAIRS else state[0], codec)
            else:
                codec = ""
            is_declared = codec in {DEFAULT, self.first, *self.others} or (
                codec == "katakana" and "shift_jis" in self.others
            )
            out.append(Text("", is_declared))
        return Text("".join(part.text for part in out), all(part.is_exact for part in out))

    def _piece(self, piece: bytes, low: str, high: str) -> Text:
        if low == "katakana":
            piece = bytes(byte | 0x80 if 0x21 <= byte <= 0x5F else byte for byte in piece)
            return self._plain(piece, "shift_jis")
        if low in _PAIRS and piece.isascii():
            return _pairs(piece, low)
        return self._plain(piece, DEFAULT if high in _PAIRS else high)


@lru_cache(maxsize=256)
def character_sets(value: bytes) -> CharacterSets:
    """Read a Specific Character Set (0008,0005); without value it is the default repertoire."""
    terms = [term.strip(" \0") for term in value.decode("ascii", "replace").split("\\")]
    codecs = [_codec(term) for term in terms]
    unknown = tuple(term for term, codec in zip(terms, codecs, strict=True) if codec is None)
    first = codecs[0] or DEFAULT
    others = tuple(codec for codec in codecs[1:] if codec not in {None, first, DEFAULT})
    return CharacterSets(first, () if first in _ALONE else others, unknown)


def _codec(term: str) -> str | None:
    """Python's codec for a defined term, or for what devices write in its place; None when that is no known one."""
    letters = _NOT_LETTERS.sub("", term.upper())
    if not letters:
        return DEFAULT if not term else None
    if numbered := _NUMBERED.fullmatch(letters):
        return _BY_NUMBER.get(int(numbered[1]))
    if (iso := _ISO_8859.fullmatch(letters)) and int(iso[1]) in {*range(1, 12), *range(13, 17)}:
        return LATIN_1 if int(iso[1]) == 1 else f"iso8859_{int(iso[1])}"
    return _BY_NAME.get(letters.removeprefix("ISO2022"))


def _strictly(value: bytes, codec: str) -> str | None:
    if codec in _PAIRS:
        codec = "euc_jp"
    try:
        return value.decode(codec)
    except UnicodeDecodeError:
        return None


def _at_least(value: bytes, codec: str) -> str:
    """As much as can be read: a character that was cut is marked; where much is none, Latin-1 loses no byte."""
    text = value.decode("euc_jp" if codec in _PAIRS else codec, "replace")
    lost = text.count("\ufffd")
    good = sum(character > "\x7f" for character in text) - lost
    return text if good >= max(lost, 1) else value.decode(LATIN_1)


def _pairs(piece: bytes, codec: str) -> Text:
    """JIS in 7 bits, two bytes a character; spaces and control characters stand for themselves."""
    lead = b"\x8f" if codec == "jis_x_0212" else b""
    out, position = bytearray(), 0
    while position < len(piece):
        if piece[position] <= 0x20 or position + 1 == len(piece):
            out.append(piece[position])
            position += 1
        else:
            out += lead + bytes(byte | 0x80 for byte in piece[position : position + 2])
            position += 2
    text = _strictly(bytes(out), "euc_jp")
    is_whole = all(byte <= 0x20 or byte >= 0x80 for byte in out)
    return Text(out.decode("euc_jp", "replace"), is_exact=False) if text is None else Text(text, is_whole)


def _delimiter_in(piece: bytes, delimiters: bytes) -> int | None:
    return next((index for index, byte in enumerate(piece) if byte in delimiters), None)


def _is_utf_8(value: bytes) -> bool:
    return _strictly(value, "utf_8") is not None


def _has_controls(text: str) -> bool:
    return any("\x80" <= character <= "\x9f" for character in text)
