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
from dicomnet.scu.store import Outgoing, StoreAssociation, StoreOutcome


def send_with_gantry(peer: Peer, instances: list[Outgoing]) -> int:
    """Send over one association of Gantry's; returns how many were stored."""
    with StoreAssociation(peer, [instance.context for instance in instances]) as association:
        outcomes = [sent.outcome for sent in association.send_all(instances)]
    return sum(isinstance(outcome, StoreOutcome) and outcome.is_stored for outcome in outcomes)


def send_with_pynetdicom(peer: Peer, instances: list[Outgoing]) -> int:
    """Send over one association of pynetdicom's, by path; returns how many were stored."""
    ae = AE()
    for sop_class, syntax in {instance.context for instance in instances}:
        ae.add_requested_context(sop_class, syntax)
    association = ae.associate(peer.host, peer.port, ae_title=peer.ae_title, max_pdu=131_072)
    try:
        return sum(association.send_c_store(instance.path).get("Status") == 0 for instance in instances)
    finally:
        association.release()


WAYS: dict[str, Callable[[Peer, list[Outgoing]], int]] = {
    "gantry": send_with_gantry,
    "pynetdicom": send_with_pynetdicom,
}


def main() -> None:
    """Do what the line on standard input says."""
    order = json.loads(sys.stdin.readline())
    # The worker that delivers has this from its rows, and an Orthanc from its index.
    instances = [Outgoing.from_file(Path(path)) for path in order["paths"]]
    count = order["associations"]
    peer = Peer(order["ae_title"], "127.0.0.1", order["port"], "BENCH")
    stored: list[int] = []
    threads = [
        threading.Thread(target=lambda part=part: stored.append(WAYS[order["way"]](peer, instances[part::count])))
        for part in range(count)
    ]
    cpu, began = time.process_time(), clock()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds, spent = clock() - began, time.process_time() - cpu
    # A thread that failed has told why on standard error, and counts as having stored nothing.
    print(json.dumps({"seconds": seconds, "cpu": spent, "missing": len(instances) - sum(stored)}))


if __name__ == "__main__":
    main()
