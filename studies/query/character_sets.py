"""Text of responses in the character set that the request asks for (PS3.4 C.2.2.2, PS3.5 6.1.2)."""

import codecs
from dataclasses import dataclass
from functools import lru_cache

from pydicom.charset import encode_string, python_encoding

UTF_8 = "ISO_IR 192"
_NOT_WRITTEN = {"ISO 2022 IR 58"}  # pydicom leaves its escape sequences out
# Python's codec for ISO 2022 IR 159 writes Korean, Chinese and what else there is, too, by escape sequences of sets
# that are not declared: who reads them sees another name.
_JIS_X_0212 = "iso2022_jp_2"
_ITS_ESCAPE = b"\x1b$(D"
_CODECS = {"": "ascii", "ISO_IR 6": "ascii", "ISO 2022 IR 6": "ascii"}


@dataclass(frozen=True)
class Repertoire:
    """A Specific Character Set to write in.

    Attributes:
        terms: its value.
        encodings: Python's codecs, the first of which needs no escape sequences.
    """

    terms: str
    encodings: tuple[str, ...]

    def encode(self, text: str, vr: str) -> bytes:
        """Encode a value.

        Raises:
            UnicodeEncodeError: it holds a character that is not in the set.
        """
        if text.isascii():
            return text.encode(self.encodings[0])
        for character in text:
            self._check(character)
        if len(self.encodings) == 1:
            return text.encode(self.encodings[0])
        # Each part between delimiters begins in the first character set again (PS3.5 6.1.2.5.3).
        delimiters = "\\=^" if vr == "PN" else "\\"
        encodings = ["iso8859" if encoding == "ascii" else encoding for encoding in self.encodings]  # as pydicom has it
        return b"".join(
            part.encode("ascii") if part in delimiters else encode_string(part, encodings)
            for part in _parts(text, delimiters)
        )

    def _check(self, character: str) -> None:
        """Raise UnicodeEncodeError when it is in none of the sets."""
        for encoding in self.encodings[:-1]:
            try:
                _encoded(character, encoding)
            except UnicodeEncodeError:
                continue
            else:
                return
        _encoded(character, self.encodings[-1])


UNICODE = Repertoire(UTF_8, ("utf-8",))


@lru_cache(maxsize=64)
def repertoire(terms: str) -> Repertoire:
    """The character set of a request, to answer in; Unicode where it is one that we cannot write."""
    found = []
    for term in terms.split("\\"):
        codec = _CODECS.get(term) or python_encoding.get(term)
        if term in _NOT_WRITTEN:
            return UNICODE
        try:
            found.append(codecs.lookup(codec or "").name and codec)
        except LookupError:
            return UNICODE
    return Repertoire(terms, tuple(codec for codec in found if codec))


def _encoded(character: str, encoding: str) -> bytes:
    encoded = character.encode(encoding)
    if encoding == _JIS_X_0212 and not character.isascii() and not encoded.startswith(_ITS_ESCAPE):
        raise UnicodeEncodeError(encoding, character, 0, 1, "it is of a set that is not declared")
    return encoded


def _parts(text: str, delimiters: str) -> list[str]:
    parts = [""]
    for character in text:
        if character in delimiters:
            parts += [character, ""]
        else:
            parts[-1] += character
    return [part for part in parts if part]
