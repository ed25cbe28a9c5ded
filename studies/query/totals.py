"""How many there are, remembered for a moment when there are many.

To count fifty thousand rows takes longer than to read the page of them that was asked for; and such a number is out of
date when it arrives, for an archive receives all the time.
"""

import time
from collections import OrderedDict
from collections.abc import Callable

MANY = 10_000
SECONDS = 2.0
_MOST = 100
_known: OrderedDict[tuple[str, tuple[object, ...]], tuple[float, int]] = OrderedDict()


def total_of(sql: str, params: tuple[object, ...], count: Callable[[], int]) -> int:
    """What a statement counts: at most two seconds old where it is ten thousand or more, else of now."""
    key = (sql, params)
    now = time.monotonic()
    until, known = _known.get(key, (0.0, 0))
    if now < until:
        return known
    found = count()
    if found >= MANY:
        _known[key] = (now + SECONDS, found)
        while len(_known) > _MOST:
            _known.popitem(last=False)
    return found
