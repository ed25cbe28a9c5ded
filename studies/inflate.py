"""Inflate the beginning of a deflated data set, and tell how long the whole is, in bounded memory (PS3.5 A.5)."""

import sys
import zlib

from studies.errors import CutOffDataSet, MalformedDataSet

MAXIMUM_KEPT_BYTES = 32 << 20  # the header is in it; what follows is counted, not kept
# A segmentation of zeros deflates 1000:1, and so does a bomb: beyond these the rest is neither inflated nor refused.
MAXIMUM_RATIO = 100
MAXIMUM_INFLATED_BYTES = 512 << 20
_PIECE_BYTES = 256 << 10


def inflate(data: memoryview) -> tuple[memoryview, int]:
    """The beginning of the inflated data set, and the length of the whole; ``sys.maxsize`` where that is not known.

    Raises:
        MalformedDataSet: it is no deflated stream, or is cut off.
    """
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    limit = max(MAXIMUM_KEPT_BYTES, min(len(data) * MAXIMUM_RATIO, MAXIMUM_INFLATED_BYTES))
    kept, size = bytearray(), 0
    try:
        for start in range(0, len(data), _PIECE_BYTES):
            piece: bytes | memoryview = data[start : start + _PIECE_BYTES]
            while piece and not inflater.eof:
                inflated = inflater.decompress(piece, _PIECE_BYTES)
                size += len(inflated)
                kept += inflated[: max(0, MAXIMUM_KEPT_BYTES - len(kept))]
                if size >= limit and not inflater.eof:
                    return memoryview(kept), sys.maxsize
                piece = inflater.unconsumed_tail
            if inflater.eof:
                return memoryview(kept), size
        while not inflater.eof:
            inflated = inflater.decompress(b"", _PIECE_BYTES)  # what it holds back, when the last piece was all taken
            if not inflated:
                raise CutOffDataSet("the deflated data set is cut off")
            size += len(inflated)
            kept += inflated[: max(0, MAXIMUM_KEPT_BYTES - len(kept))]
    except zlib.error as error:
        raise MalformedDataSet("the deflated data set cannot be inflated") from error
    return memoryview(kept), size
