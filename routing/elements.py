"""The elements of an encoded data set, to be changed and written again (PS3.5 7.1, 7.5, A.4).

What is not changed is written byte for byte as it was: values stay views of the file, so pixel data is neither read nor
copied here. Sequences are opened when they are asked for. pydicom is not used because it writes a data set its own way:
sorted, without group lengths, and with what it could not decode left out.
"""

import struct
from collections.abc import Callable, Iterator

from routing.encoding import LONG_FORM, SHORT_FORM, BadDataSet, Encoding, padded
from routing.tags import vr_of
from studies.scan import ITEM, ITEM_END, MAXIMUM_DEPTH, PIXEL_DATA, SEQUENCE_END, UNDEFINED

MAXIMUM_ELEMENTS = 300_000  # of a data set and its sequences; each costs half a kilobyte
SPECIFIC_CHARACTER_SET = 0x00080005
IMPLICIT_LITTLE = Encoding(is_implicit=True, is_little_endian=True)
_NO_SEQUENCE = frozenset(("OB", "OW"))  # of undefined length: fragments, whatever the tag


class _Budget:
    """How many elements may still be read."""

    def __init__(self) -> None:
        self.left = MAXIMUM_ELEMENTS

    def take(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise BadDataSet(f"it has more than {MAXIMUM_ELEMENTS:,} elements")


class Element:
    """One element as it is encoded, or as it was changed.

    Attributes:
        vr: as encoded; empty in implicit VR.
        value: its bytes without header, delimiters included where the length is undefined.
    """

    __slots__ = ("_inner", "_items", "_parent", "_raw", "encoding", "is_undefined", "tag", "value", "vr")

    def __init__(
        self,
        tag: int,
        vr: str,
        value: memoryview,
        *,
        raw: memoryview | None,
        is_undefined: bool = False,
        parent: "DataSet",
    ) -> None:
        self.tag, self.vr, self.value, self._raw, self.is_undefined = tag, vr, value, raw, is_undefined
        self.encoding = parent.encoding
        self._inner = IMPLICIT_LITTLE if vr == "UN" else parent.encoding
        self._parent = parent
        self._items: list[DataSet] | None = None

    @property
    def likely_vr(self) -> str:
        """The encoded VR; where that says nothing, the dictionary's; UN when neither knows."""
        return self.vr if self.vr not in {"", "UN"} else vr_of(self.tag)

    @property
    def is_fragmented(self) -> bool:
        """Encapsulated pixel data: of undefined length, and no sequence."""
        return self.is_undefined and (self.tag in PIXEL_DATA or self.vr in _NO_SEQUENCE)

    @property
    def is_sequence(self) -> bool:
        """It holds items."""
        return not self.is_fragmented and (self.is_undefined or self.likely_vr == "SQ")

    @property
    def is_changed(self) -> bool:
        """It is not written as it was read."""
        return self._raw is None or any(item.is_changed for item in self._items or ())

    @property
    def items(self) -> list["DataSet"]:
        """The items of a sequence.

        Raises:
            BadDataSet: they cannot be followed.
        """
        if self._items is None:
            self._items = _read_items(self.value, self._inner, self._parent, is_undefined=self.is_undefined)
        return self._items

    def replace(self, vr: str, value: bytes) -> None:
        """Give it another value, padded."""
        self.vr, self.value, self._raw, self._items = vr, memoryview(padded(vr, value)), None, None
        self.is_undefined = False

    def keep_items(self, items: list["DataSet"]) -> None:
        """Leave only these of its items."""
        if len(items) != len(self.items):
            self._items, self._raw = items, None

    def pieces(self) -> Iterator[memoryview | bytes]:
        """Its bytes."""
        if self._raw is not None and not self.is_changed:
            yield self._raw
            return
        body: list[memoryview | bytes] = [self.value]
        if self._items is not None:
            body = [b"".join(item.as_item()) for item in self._items]
            if self.is_undefined:
                body.append(self._inner.header(SEQUENCE_END, "", 0))
        length = UNDEFINED if self.is_undefined else sum(map(len, body))
        yield self.encoding.header(self.tag, self.vr or "UN", length)
        yield from body


class DataSet:
    """The elements of a data set or of an item, in their order."""

    def __init__(self, encoding: Encoding, parent: "DataSet | None" = None) -> None:
        self.encoding, self._parent = encoding, parent
        self.elements: list[Element] = []
        self.budget: _Budget = parent.budget if parent else _Budget()
        self.depth: int = parent.depth + 1 if parent else 0
        self._tail: memoryview | bytes = b""
        self._is_undefined_item = False
        self._shrunk: set[int] = set()
        if self.depth > MAXIMUM_DEPTH:
            raise BadDataSet(f"its sequences stand in each other more than {MAXIMUM_DEPTH} deep")

    @property
    def is_changed(self) -> bool:
        """It is not written as it was read."""
        return bool(self._shrunk) or any(element.is_changed for element in self.elements)

    @property
    def character_sets(self) -> bytes:
        """Specific Character Set (0008,0005), an item's own or that of what it is in."""
        own = self.get(SPECIFIC_CHARACTER_SET)
        if own is not None:
            return bytes(own.value)
        return self._parent.character_sets if self._parent else b""

    def get(self, tag: int) -> Element | None:
        """The first element with this tag."""
        return next((element for element in self.elements if element.tag == tag), None)

    def text(self, tag: int) -> str:
        """A value of the default repertoire, without padding; empty when it is absent."""
        element = self.get(tag)
        return "" if element is None else bytes(element.value).decode("ascii", "replace").strip("\0 ")

    def put(self, tag: int, vr: str, value: bytes) -> None:
        """Set a value: in place of the one that is there, else where its tag belongs."""
        element = self.get(tag)
        if element is not None:
            element.replace(vr, value)
            self.retain(lambda other: other.tag != tag or other is element)
            return
        element = Element(tag, vr, memoryview(padded(vr, value)), raw=None, parent=self)
        later = (index for index, other in enumerate(self.elements) if other.tag > tag)
        self.elements.insert(next(later, len(self.elements)), element)

    def retain(self, is_wanted: Callable[[Element], bool]) -> None:
        """Remove all elements but those."""
        for element in self.elements:
            if not is_wanted(element):
                self._shrunk.add(element.tag >> 16)
        self.elements = [element for element in self.elements if is_wanted(element)]

    def pieces(self) -> Iterator[memoryview | bytes]:
        """Its bytes; the length of a group that has changed is left out, for it would be wrong (PS3.5 7.2)."""
        changed = self._shrunk | {element.tag >> 16 for element in self.elements if element.is_changed}
        for element in self.elements:
            if element.tag & 0xFFFF or element.tag >> 16 not in changed:
                yield from element.pieces()
        yield self._tail

    def as_item(self) -> Iterator[memoryview | bytes]:
        """Its bytes as an item of a sequence."""
        body = b"".join(self.pieces())
        yield self.encoding.header(ITEM, "", UNDEFINED if self._is_undefined_item else len(body))
        yield body
        if self._is_undefined_item:
            yield self.encoding.header(ITEM_END, "", 0)

    def fill(self, view: memoryview, position: int, *, until_delimiter: bool = False) -> int:
        """Read elements to the end of the view, or to an item's delimiter; returns the position behind it.

        Raises:
            BadDataSet: they cannot be followed.
        """
        self._is_undefined_item = until_delimiter
        unpack = struct.Struct(self.encoding.sign + "HHL").unpack_from
        size = len(view)
        while position < size:
            if size - position >= 8:
                group, number, length = unpack(view, position)
                tag = group << 16 | number
            else:
                tag = 0
            if not tag and not any(view[position:]) and not until_delimiter:
                self._tail = view[position:]  # zeros, which some devices pad their files with
                return size
            if size - position < 8:
                raise BadDataSet("it is cut off")
            if tag == ITEM_END and until_delimiter:
                return position + 8
            position = self._read_element(view, position, tag, length)
        if until_delimiter:
            raise BadDataSet("an item has no end")
        return position

    def _read_element(self, view: memoryview, begin: int, tag: int, length: int) -> int:
        self.budget.take()
        if tag >> 16 == 0xFFFE:
            raise BadDataSet("there is a delimiter where an element should be")
        vr, start = "", begin + 8
        if not self.encoding.is_implicit:
            vr, length, start = self._explicit_header(view, begin)
        element = Element(tag, vr, view[start:start], raw=None, is_undefined=length == UNDEFINED, parent=self)
        end = start + length if length != UNDEFINED else self._end_of(element, view, start)
        if end > len(view):
            raise BadDataSet("it is cut off")
        element.value, element._raw = view[start:end], view[begin:end]
        self.elements.append(element)
        return end

    def _explicit_header(self, view: memoryview, begin: int) -> tuple[str, int, int]:
        vr = bytes(view[begin + 4 : begin + 6]).decode("ascii", "replace")
        (short,) = struct.unpack_from(self.encoding.sign + "H", view, begin + 6)
        # A VR that a later edition adds has the long form, with two reserved bytes of zero (PS3.5 7.1.2).
        if vr in SHORT_FORM or (vr not in LONG_FORM and short):
            if not (vr.isalpha() and vr.isupper()):
                raise BadDataSet("it is not in the transfer syntax that it says")
            return vr, short, begin + 8
        if not (vr.isalpha() and vr.isupper()):
            raise BadDataSet("it is not in the transfer syntax that it says")
        if len(view) < begin + 12:
            raise BadDataSet("it is cut off")
        (length,) = struct.unpack_from(self.encoding.sign + "L", view, begin + 8)
        return vr, length, begin + 12

    def _end_of(self, element: Element, view: memoryview, start: int) -> int:
        if element.is_fragmented:
            return _end_of_fragments(view, start, self.encoding)
        element._items = []
        return _read_sequence(view, start, element._inner, self, element._items)


def data_set(view: memoryview, encoding: Encoding) -> DataSet:
    """Read a whole data set.

    Raises:
        BadDataSet: it cannot be followed.
    """
    ds = DataSet(encoding)
    ds.fill(view, 0)
    return ds


def _read_items(view: memoryview, encoding: Encoding, parent: DataSet, *, is_undefined: bool) -> list[DataSet]:
    items: list[DataSet] = []
    if is_undefined:
        _read_sequence(view, 0, encoding, parent, items)
        return items
    position = 0
    while position < len(view):
        position = _read_item(view, position, encoding, parent, items)
    return items


def _read_sequence(view: memoryview, position: int, encoding: Encoding, parent: DataSet, items: list[DataSet]) -> int:
    """Items up to the delimiter of their sequence; returns the position behind it."""
    while position <= len(view) - 8:
        group, number = struct.unpack_from(encoding.sign + "HH", view, position)
        if group << 16 | number == SEQUENCE_END:
            return position + 8
        position = _read_item(view, position, encoding, parent, items)
    raise BadDataSet("a sequence has no end")


def _read_item(view: memoryview, position: int, encoding: Encoding, parent: DataSet, items: list[DataSet]) -> int:
    parent.budget.take()
    if len(view) - position < 8:
        raise BadDataSet("a sequence is cut off")
    group, number, length = struct.unpack_from(encoding.sign + "HHL", view, position)
    if group << 16 | number != ITEM:
        raise BadDataSet("a sequence holds something else than items")
    item, start = DataSet(encoding, parent), position + 8
    items.append(item)
    if length == UNDEFINED:
        return item.fill(view, start, until_delimiter=True)
    if start + length > len(view):
        raise BadDataSet("a sequence is cut off")
    item.fill(view[start : start + length], 0)
    return start + int(length)


def _end_of_fragments(view: memoryview, position: int, encoding: Encoding) -> int:
    unpack = struct.Struct(encoding.sign + "HHL").unpack_from
    length: int
    while position <= len(view) - 8:
        group, number, length = unpack(view, position)
        position += 8
        tag = group << 16 | number
        if tag == SEQUENCE_END:
            return position
        if tag != ITEM or length == UNDEFINED:
            raise BadDataSet("encapsulated pixel data holds something else than fragments")
        position += length
    raise BadDataSet("it is cut off")
