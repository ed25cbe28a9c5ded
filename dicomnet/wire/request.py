"""An A-ASSOCIATE-RQ before pynetdicom decodes it: items that nobody knows are passed over (PS3.8 9.3.1, 9.3.2)."""

import struct
from collections.abc import Collection, Iterator

from dicomnet.wire.operations import ProtocolError

AE_TITLES = slice(10, 42)  # called and calling, 16 bytes each
_VERSION = slice(6, 8)
_ITEMS_BEGIN = 74
_ITEM = struct.Struct(">BxH")
_USER_INFORMATION = 0x50
_ITEMS = {0x10, 0x20, _USER_INFORMATION}
_USER_ITEMS = range(0x51, 0x5A)


def without_unknown_items(request: bytes) -> bytes:
    """The same request as pynetdicom understands it.

    Args:
        request: the whole PDU.

    Raises:
        ProtocolError: it is too short, or an item is cut off.
    """
    if len(request) < _ITEMS_BEGIN:
        raise ProtocolError("a request for an association is cut off")
    head = bytearray(request[:_ITEMS_BEGIN])
    if request[_VERSION.stop - 1] & 1:
        head[_VERSION] = b"\0\1"  # only bit 0 is to be tested; pynetdicom tests all (PS3.8 Table 9-11)
    items = b"".join(
        _item(kind, _known(value, _USER_ITEMS) if kind == _USER_INFORMATION else value)
        for kind, value in _split(request[_ITEMS_BEGIN:])
        if kind in _ITEMS
    )
    struct.pack_into(">L", head, 2, len(head) - 6 + len(items))
    return bytes(head) + items


def _known(items: bytes, kinds: Collection[int]) -> bytes:
    return b"".join(_item(kind, value) for kind, value in _split(items) if kind in kinds)


def _item(kind: int, value: bytes) -> bytes:
    return _ITEM.pack(kind, len(value)) + value


def _split(items: bytes) -> Iterator[tuple[int, bytes]]:
    position = 0
    while position < len(items):
        begin = position + _ITEM.size
        if begin > len(items):
            raise ProtocolError("an item of a request for an association is cut off")
        kind, length = _ITEM.unpack_from(items, position)
        position = begin + length
        if position > len(items):
            raise ProtocolError("an item of a request for an association is cut off")
        yield kind, items[begin:position]
