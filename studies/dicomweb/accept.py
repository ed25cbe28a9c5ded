"""Which of the possible answers a client takes: media ranges, weights and transfer syntaxes (PS3.18 8.7.3, 8.7.8).

Pure: headers in, a choice out. The Accept query parameter counts before the Accept header (PS3.18 8.7.8.1); a range
without a transfer syntax means the default one of its media type (PS3.18 8.7.3.7).
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from rest_framework.exceptions import NotAcceptable, ParseError

MAXIMUM_CHARACTERS = 4096
MAXIMUM_RANGES = 32
MULTIPART = "multipart/related"
DICOM = "application/dicom"
DICOM_JSON = "application/dicom+json"
OCTETS = "application/octet-stream"
ANY = "*"
_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_MEDIA_RANGE = re.compile(rf"\s*({_WORD})/({_WORD})\s*")
# A parameter's value is a token, a quoted string, or what clients write without the quotes that it would need: the
# part type of multipart/related with its slash.
_PARAMETER = re.compile(rf';\s*({_WORD})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;,"]*))\s*')
_WEIGHT = re.compile(r"(?:0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)")


@dataclass(frozen=True)
class MediaRange:
    """One thing that a client takes.

    Attributes:
        media_type: in lower case, such as ``image/*``; of a multipart, that of its parts.
        is_multipart: as the parts of ``multipart/related``; None when the client leaves it open.
        transfer_syntax: a UID, ``*`` for any, empty for the media type's default.
        weight: 0 to 1; what has 0 is refused.
    """

    media_type: str
    is_multipart: bool | None
    transfer_syntax: str = ""
    weight: float = 1.0

    def takes(self, offer: "Offer") -> bool:
        """Whether an offer is in this range."""
        if self.is_multipart is not None and self.is_multipart != offer.is_multipart:
            return False
        if not _is_within(offer.media_type, self.media_type):
            return False
        if not offer.transfer_syntax:
            return True
        if not self.transfer_syntax:
            return offer.is_default
        return offer.is_stored if self.transfer_syntax == ANY else self.transfer_syntax == offer.transfer_syntax

    @property
    def exactness(self) -> int:
        """How much it says: of two ranges that take an offer, the one that says more counts (RFC 9110 12.5.1)."""
        wildcards = self.media_type.count("*")
        return (2 - wildcards) * 4 + 2 * (self.is_multipart is not None) + bool(self.transfer_syntax)


@dataclass(frozen=True)
class Offer:
    """One form in which a resource can be had.

    Attributes:
        media_type: of the payload, or of the parts of a multipart.
        transfer_syntax: UID of what would come; ``*`` when each part has its own as stored; empty where media types
            say it all.
        is_default: a range without a transfer syntax means this.
        is_stored: ``transfer-syntax=*`` means this.
    """

    media_type: str
    is_multipart: bool = False
    transfer_syntax: str = ""
    is_default: bool = True
    is_stored: bool = field(default=True, kw_only=True)


def choose(offers: Sequence[Offer], *, header: str = "", parameter: str = "") -> Offer:
    """The offer that the client likes best; among equals, the one that stands first.

    Args:
        offers: what is possible, the server's favourite first.
        header: Accept; empty: anything.
        parameter: the ``accept`` query parameter, which counts first.

    Raises:
        NotAcceptable: none of them.
        ParseError: it is not of the form of RFC 9110 12.5.1, or too long.
    """
    if parameter:
        found = _best(offers, parse(parameter))
        if found is not None:
            return found
    ranges = parse(header) if header.strip() else [MediaRange("*/*", None)]
    found = _best(offers, ranges)
    if found is None:
        raise NotAcceptable(f"It can be had as: {'; '.join(dict.fromkeys(map(in_words, offers)))}.")
    return found


def parse(text: str) -> list[MediaRange]:
    """The media ranges of an Accept header or parameter, in their order.

    Raises:
        ParseError: another form, too long, or too many.
    """
    if len(text) > MAXIMUM_CHARACTERS:
        raise ParseError(f"Accept has more than {MAXIMUM_CHARACTERS} characters.")
    ranges: list[MediaRange] = []
    position = 0
    while position < len(text):
        if text[position] in ", \t":
            position += 1  # an empty element is passed over (RFC 9110 5.6.1)
            continue
        found, position = _media_range(text, position)
        ranges.append(found)
        if len(ranges) > MAXIMUM_RANGES:
            raise ParseError(f"Accept names more than {MAXIMUM_RANGES} media types.")
    return ranges


def in_words(offer: Offer) -> str:
    """An offer as a client would ask for it."""
    syntax = f"; transfer-syntax={offer.transfer_syntax}" if offer.transfer_syntax else ""
    return f'{MULTIPART}; type="{offer.media_type}"{syntax}' if offer.is_multipart else offer.media_type + syntax


def _best(offers: Sequence[Offer], ranges: Iterable[MediaRange]) -> Offer | None:
    """The offer of the highest weight; of equal ones the client's first, then the server's first."""
    ranges = list(ranges)
    best: tuple[float, int, int] | None = None
    for number, offer in enumerate(offers):
        taking = [(place, each) for place, each in enumerate(ranges) if each.takes(offer)]
        if not taking:
            continue
        place, exact = max(taking, key=lambda pair: (pair[1].exactness, -pair[0]))
        rank = (-exact.weight, place, number)
        if exact.weight > 0 and (best is None or rank < best):
            best = rank
    return None if best is None else offers[best[2]]


def _media_range(text: str, position: int) -> tuple[MediaRange, int]:
    found = _MEDIA_RANGE.match(text, position)
    if found is None:
        raise ParseError("Accept is not a list of media types.")
    media_type, position = f"{found[1]}/{found[2]}".lower(), found.end()
    parameters: dict[str, str] = {}
    while parameter := _PARAMETER.match(text, position):
        quoted, plain = parameter[2], parameter[3]
        value = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else plain
        parameters.setdefault(parameter[1].lower(), value)
        position = parameter.end()
    if position < len(text) and text[position] != ",":
        raise ParseError("Accept is not a list of media types.")
    is_multipart: bool | None = media_type == MULTIPART
    if is_multipart or media_type == "multipart/*":
        # Without a type it is that of the first part's default, DICOM (PS3.18 8.7.3.3 lets a client be this brief).
        media_type, is_multipart = parameters.get("type", "*/*" if is_multipart else "").lower() or "*/*", True
    elif media_type == "*/*":
        is_multipart = None
    return MediaRange(media_type, is_multipart, _syntax(parameters), _weight(parameters)), position


def _syntax(parameters: dict[str, str]) -> str:
    syntax = parameters.get("transfer-syntax", "")
    if syntax not in {"", ANY} and re.fullmatch(r"[0-9.]{1,64}", syntax) is None:
        raise ParseError("transfer-syntax is a UID or *.")
    return syntax


def _weight(parameters: dict[str, str]) -> float:
    weight = parameters.get("q", "1")
    if _WEIGHT.fullmatch(weight) is None:
        raise ParseError("q is a number from 0 to 1 with at most three decimals.")
    return float(weight)


def _is_within(media_type: str, media_range: str) -> bool:
    if media_range in {"*/*", media_type}:
        return True
    kind, _, subtype = media_range.partition("/")
    return subtype == "*" and media_type.startswith(f"{kind}/")
