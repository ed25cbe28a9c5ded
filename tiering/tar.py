"""TAR as packs use it (POSIX.1-1988, ustar): a header of 512 bytes before each file, files filled up to 512.

So a file can be taken out by its place alone, and a pack can be opened by every tool.
"""

from tarfile import BLOCKSIZE, USTAR_FORMAT, TarInfo

END = bytes(2 * BLOCKSIZE)
MAXIMUM_FILE_BYTES = 8**11 - 1  # what the header's size field holds


def header(name: str, size_bytes: int) -> bytes:
    """The block before a file.

    Args:
        name: at most 100 ASCII characters.
        size_bytes: at most MAXIMUM_FILE_BYTES, 8 GiB.
    """
    info = TarInfo(name)
    info.size = size_bytes
    info.mode = 0o644
    return info.tobuf(USTAR_FORMAT, "ascii", "strict")


def filling(size_bytes: int) -> bytes:
    """What follows a file, up to the next block."""
    return bytes(-size_bytes % BLOCKSIZE)
