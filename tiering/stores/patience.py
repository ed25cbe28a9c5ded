"""Ask an S3 service again where it asks to come more slowly, or a connection broke: less and less often, and not long.

What lasts longer is the move's affair (tiering.claim), which waits for minutes and hours, and holds nothing meanwhile.
"""

import random
import time
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from dicomnet.web.http import HttpError
from dicomnet.web.s3 import code_of, status_of

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 8.0
PATIENCE_SECONDS = 20.0  # from the first try to the beginning of the last one
BREAKS = 2  # of the connection
_COME_AGAIN = frozenset({"SlowDown", "RequestTimeout", "OperationAborted"})
_STATUSES = frozenset({429, 500, 502, 503, 504})


def patiently(call: Callable[..., Any], **parameters: Any) -> Any:
    """Make a call that may be repeated.

    Raises:
        ClientError, HttpError: as the last try raised it.
    """
    began = time.monotonic()
    tries = 0
    while True:
        try:
            return call(**parameters)
        except (ClientError, HttpError) as error:
            pause = _pause_after(error, tries)
            if pause is None or time.monotonic() - began + pause > PATIENCE_SECONDS:
                raise
        time.sleep(pause)
        tries += 1


def _pause_after(error: ClientError | HttpError, tries: int) -> float | None:
    """Seconds until the next try; None where it would change nothing."""
    # Uneven, so that those who were turned away together do not come back together.
    unevenness = random.uniform(0.5, 1.5)  # noqa: S311 (nothing to be guessed)
    usual: float = min(FIRST_PAUSE_SECONDS * 2**tries, LONGEST_PAUSE_SECONDS) * unevenness
    if isinstance(error, HttpError):
        return usual if tries < BREAKS else None
    if code_of(error) in _COME_AGAIN or status_of(error) in _STATUSES:
        return max(usual, _asked_for(error))
    return None


def _asked_for(error: ClientError) -> float:
    """Seconds that the service itself names (RFC 9110 10.2.3); a date is not looked at."""
    named = str(error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("retry-after", ""))
    return float(named) if named.isdecimal() and len(named) < 6 else 0.0
