"""Rows as identifiers of C-FIND responses, encoded by hand (PS3.4 C.4.1.1.3.2, PS3.5 7.1).

All that is the same for every row is encoded once. A row of ASCII, as most are, costs a join of bytes; another one is
written in the character set of the request, or in Unicode where that cannot say it.
"""

import struct
from collections.abc import Callable, Sequence
from functools import lru_cache

from dicomnet.wire.elements import LONGEST_SHORT, begin, element, is_long, padding
from studies.query.character_sets import UNICODE, Repertoire
from studies.query.keys import BY_KEYWORD, Key, Kind
from studies.query.search import Row, Search
from studies.query.values import availability, list_value

SPECIFIC_CHARACTER_SET, QUERY_RETRIEVE_LEVEL = 0x00080005, 0x00080052
RETRIEVE_AE_TITLE = BY_KEYWORD["RetrieveAETitle"]
TRANSLATED = frozenset({"LO", "LT", "PN", "SH", "ST", "UC", "UT"})  # in the Specific Character Set (PS3.5 6.1.2.3)
_LENGTHS = {True: struct.Struct("<L"), False: struct.Struct("<H")}
# What stands before the length, where the value is in a row, how it becomes bytes, VR, padding, form of the length.
Column = tuple[bytes, int | None, Callable[[object], bytes] | None, str, bytes, struct.Struct]


class Identifiers:
    """Encodes the rows of one search."""

    def __init__(self, search: Search, *, is_explicit: bool, terms: Repertoire | None, retrieve_ae_title: str) -> None:
        """Prepare it.

        Args:
            search: whose rows are encoded.
            is_explicit: the transfer syntax is Explicit VR, else Implicit VR Little Endian.
            terms: the Specific Character Set of the request; None when it has none.
            retrieve_ae_title: where the instances can be fetched from.
        """
        self._is_explicit = is_explicit
        self._terms = terms
        level = element(QUERY_RETRIEVE_LEVEL, "CS", search.asked.level.encode(), is_explicit=is_explicit)
        pieces = [(QUERY_RETRIEVE_LEVEL, _constant(level))]
        for key in search.asked.asked:
            if key is RETRIEVE_AE_TITLE:
                title = element(key.tag, key.vr, retrieve_ae_title.encode(), is_explicit=is_explicit)
                pieces.append((key.tag, _constant(title)))
            else:
                pieces.append((key.tag, _column(key, search.places[key], is_explicit=is_explicit)))
        self._parts = [piece for _, piece in sorted(pieces, key=lambda piece: piece[0])]
        self._plain = self._beginning(terms) if terms else b""

    def __call__(self, row: Row) -> bytes:
        """The identifier of one match."""
        try:
            return self._encode(row, self._plain, None)
        except UnicodeEncodeError:
            pass
        if self._terms is not None:
            try:
                return self._encode(row, self._plain, self._terms)
            except UnicodeEncodeError:
                pass
        return self._encode(row, self._beginning(UNICODE), UNICODE)

    def all(self, rows: Sequence[Row]) -> list[bytes]:
        """The identifiers of several matches."""
        return [self(row) for row in rows]

    def _encode(self, row: Row, beginning: bytes, repertoire: Repertoire | None) -> bytes:
        out = [beginning]
        for head, place, encode, vr, pad, length in self._parts:
            if place is None:
                out.append(head)
                continue
            held = row[place]
            if encode is not None:
                value = encode(held)
            elif repertoire is None:
                value = held.encode("ascii")
            else:
                value = repertoire.encode(held, vr)
            size = len(value)
            if size & 1:
                out += head, length.pack(size + 1), value, pad
            else:
                out += head, length.pack(size), value
        return b"".join(out)

    def _beginning(self, repertoire: Repertoire) -> bytes:
        terms = repertoire.terms.encode("ascii")
        return element(SPECIFIC_CHARACTER_SET, "CS", terms, is_explicit=self._is_explicit)


@lru_cache(maxsize=1024)
def _column(key: Key, place: int, *, is_explicit: bool) -> Column:
    return (
        begin(key.tag, key.vr, is_explicit=is_explicit),
        place,
        _encoder(key),
        key.vr,
        padding(key.vr),
        _LENGTHS[is_long(key.vr, is_explicit=is_explicit)],
    )


def _constant(whole: bytes) -> Column:
    """The same for each row."""
    return whole, None, None, "", b"", _LENGTHS[True]


def _encoder(key: Key) -> Callable[[object], bytes] | None:
    """How a value that is no text in the Specific Character Set is written; None for what is."""
    if key.kind in {Kind.NUMBER, Kind.SUM}:
        return _unsigned_short if key.vr == "US" else _digits
    if key.kind is Kind.AVAILABILITY:
        return lambda tier: availability(str(tier)).encode()
    if key.is_list:
        return lambda held: list_value(str(held)).encode("ascii", "replace")[:LONGEST_SHORT]
    return None if key.vr in TRANSLATED else _plain


def _plain(value: object) -> bytes:
    return str(value).encode("ascii", "replace")


def _digits(value: object) -> bytes:
    return b"" if value is None else str(value).encode()


def _unsigned_short(value: object) -> bytes:
    return struct.pack("<H", value) if isinstance(value, int) and value <= 0xFFFF else b""
