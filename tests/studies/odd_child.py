"""A child that misbehaves as it is told, for the tests of ``studies.children``."""

import os
import sys
import time
from typing import Any

from studies.children import serve


def answer(question: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    work = question["work"]
    if work == "die":
        os._exit(3)
    if work == "sleep":
        time.sleep(60)
    if work == "fill":
        return {}, bytes(1 << 34)
    if work == "raise":
        raise ValueError("Doe^Jane")
    if work == "print":
        print("noise of a library", flush=True)  # noqa: T201 (what it is for)
    return {"pid": os.getpid()}, bytes(question.get("size", 0))


if __name__ == "__main__":
    serve(answer, sys.argv[1:])
