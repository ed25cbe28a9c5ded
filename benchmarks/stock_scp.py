"""pynetdicom as it comes, as a receiver: ``python -m benchmarks.stock_scp PORT FOLDER``.

Data sets are written without decoding them, the quickest way that pynetdicom's documentation shows.
"""

import sys
from pathlib import Path
from typing import Any

from pynetdicom import AE, AllStoragePresentationContexts, evt


def on_c_store(event: evt.Event, folder: Path) -> int:
    """Write one instance as a Part 10 file."""
    request: Any = event.request
    with (folder / f"{request.AffectedSOPInstanceUID}.dcm").open("wb") as file:
        file.write(event.encoded_dataset())
    return 0x0000


def main() -> None:
    """Serve until killed."""
    ae = AE(ae_title="STOCK")
    ae.supported_contexts = AllStoragePresentationContexts
    ae.maximum_associations = 100  # ten, its default, would refuse most of sixteen
    handlers: list[Any] = [(evt.EVT_C_STORE, on_c_store, [Path(sys.argv[2])])]
    ae.start_server(("127.0.0.1", int(sys.argv[1])), evt_handlers=handlers)


if __name__ == "__main__":
    main()
