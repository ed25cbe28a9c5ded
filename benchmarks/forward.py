"""Gantry's sender, and pynetdicom's, as a process: ``python -m benchmarks.forward``, told over standard input.

Associations are threads of one process, as in the worker that delivers. Prints one line of JSON: seconds from before
the associations are opened until they are released, the CPU time that took, and how many instances were not stored.
"""

import json
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from pynetdicom import AE

from benchmarks.wire import clock
from dicomnet.scu.association import Peer
from dicomnet.scu.store import Outgoing, StoreAssociation


def send_with_gantry(peer: Peer, paths: list[Path]) -> int:
    """Send over one association of Gantry's; returns how many were stored."""
    instances = [Outgoing.from_file(path) for path in paths]
    with StoreAssociation(peer, [instance.context for instance in instances]) as association:
        return sum(association.send(instance).is_stored for instance in instances)


def send_with_pynetdicom(peer: Peer, paths: list[Path]) -> int:
    """Send over one association of pynetdicom's, by path; returns how many were stored."""
    ae = AE()
    for sop_class, syntax in {Outgoing.from_file(path).context for path in paths}:
        ae.add_requested_context(sop_class, syntax)
    association = ae.associate(peer.host, peer.port, ae_title=peer.ae_title, max_pdu=131_072)
    try:
        return sum(association.send_c_store(path).get("Status") == 0 for path in paths)
    finally:
        association.release()


WAYS: dict[str, Callable[[Peer, list[Path]], int]] = {"gantry": send_with_gantry, "pynetdicom": send_with_pynetdicom}


def main() -> None:
    """Do what the line on standard input says."""
    order = json.loads(sys.stdin.readline())
    paths = [Path(path) for path in order["paths"]]
    count = order["associations"]
    peer = Peer(order["ae_title"], "127.0.0.1", order["port"], "BENCH")
    stored: list[int] = []
    threads = [
        threading.Thread(target=lambda part=part: stored.append(WAYS[order["way"]](peer, paths[part::count])))
        for part in range(count)
    ]
    cpu, began = time.process_time(), clock()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds, spent = clock() - began, time.process_time() - cpu
    # A thread that failed has told why on standard error, and counts as having stored nothing.
    print(json.dumps({"seconds": seconds, "cpu": spent, "missing": len(paths) - sum(stored)}))


if __name__ == "__main__":
    main()
