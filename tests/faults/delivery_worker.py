"""A worker that delivers, as a process to be killed: sweeps, and drives what waits, with leases of a test's length."""

import sys
import threading

import django

LEASE_SECONDS = 2
SWEEP_SECONDS = 0.2


def main() -> None:
    """Work until killed."""
    django.setup()

    from django.db import connection

    from routing import claim, lanes, queue
    from routing.deliver import drive
    from routing.events import deliveries_due
    from routing.tasks import sweep

    for module, name in ((queue, "LEASE_SECONDS"), (claim, "LEASE_SECONDS"), (lanes, "LANE_SECONDS")):
        setattr(module, name, LEASE_SECONDS)
    lanes.RENEW_SECONDS = LEASE_SECONDS / 4  # type: ignore[assignment]

    def drive_one(destination_pk: int) -> None:
        try:
            drive(destination_pk)
        finally:
            connection.close()

    def wake(destination_pk: int, **kwargs: object) -> None:
        threading.Thread(target=drive_one, args=(destination_pk,), daemon=True).start()

    deliveries_due.receivers.clear()
    deliveries_due.sender_receivers_cache.clear()
    deliveries_due.connect(wake)
    pause = threading.Event()
    sys.stdout.write("working\n")
    sys.stdout.flush()
    while not pause.wait(SWEEP_SECONDS):
        sweep()


if __name__ == "__main__":
    main()
