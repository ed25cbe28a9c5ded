"""Load the product's listener for some seconds and run a profiler on it: ``python -m benchmarks.profile_receive``.

py-spy is no dependency of the project; install it where you like and name its program:

    python3 -m venv /tmp/profiler && /tmp/profiler/bin/pip install py-spy
    .venv/bin/python -m benchmarks.profile_receive --py-spy /tmp/profiler/bin/py-spy --kind ct --associations 4

Without it the rate and the CPU time of the listener are all that is shown. The same files are sent again and again, so
the index finds instances that it has; what the listener does is the same.
"""

import argparse
import os
import subprocess
import tempfile
import threading
from pathlib import Path

from benchmarks.gantry import gantry, prepare
from benchmarks.instances import KINDS, write_instances
from benchmarks.meter import cpu_seconds
from benchmarks.receive import sending
from benchmarks.receivers import Receiver

SIZES = {"ct": 320, "mr": 960, "mg": 16}


def main() -> None:
    """Parse the options, load and profile."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.profile_receive")
    parser.add_argument("--py-spy", default="", help="py-spy's program")
    parser.add_argument("--kind", choices=sorted(SIZES), default="ct")
    parser.add_argument("--associations", type=int, default=4)
    parser.add_argument("--seconds", type=int, default=15)
    parser.add_argument("--output", type=Path, default=Path("receive.svg"), help="a flame graph (.svg) or text (.txt)")
    parser.add_argument("--native", action="store_true", help="show C functions as well")
    options = parser.parse_args()
    for name in ("DATABASE_URL", "REDIS_URL", "CELERY_BROKER_URL"):
        os.environ.pop(name, None)
    with tempfile.TemporaryDirectory(prefix="gb-") as name:
        folder = Path(name)
        paths = write_instances(folder / "files", KINDS[options.kind], SIZES[options.kind])
        with gantry(folder, prepare(folder / "embedded", None)) as (receiver, _):
            stop = threading.Event()
            load = threading.Thread(target=send_until, args=(receiver, paths, options.associations, stop))
            load.start()
            try:
                profile(receiver, options)
            finally:
                stop.set()
                load.join()


def send_until(receiver: Receiver, paths: list[Path], associations: int, stop: threading.Event) -> None:
    """Send all files again and again; says what that gave."""
    while not stop.is_set():
        with sending(receiver.address, paths, associations) as sender:
            cpu = cpu_seconds(receiver.listeners)
            sender.start()
            sent = sender.result()
            spent = cpu_seconds(receiver.listeners) - cpu
        sent.check(len(paths))
        rate = len(paths) / (sent.ended - sent.began)
        print(f"{rate:.0f} acknowledged/s, listener {spent * 1000 / len(paths):.2f} CPU s/1000", flush=True)


def profile(receiver: Receiver, options: argparse.Namespace) -> None:
    """Run py-spy on the listener's processes, or only wait."""
    if not options.py_spy:
        threading.Event().wait(options.seconds)
        return
    form = "flamegraph" if options.output.suffix == ".svg" else "raw"
    command = [options.py_spy, "record", "--pid", str(receiver.listeners[0]), "--subprocesses", "--threads"]
    command += ["--duration", str(options.seconds), "--rate", "100", "--format", form, "--output", str(options.output)]
    subprocess.run([*command, *(["--native"] if options.native else [])], timeout=options.seconds + 60, check=True)
    print(f"Written to {options.output}")


if __name__ == "__main__":
    main()
