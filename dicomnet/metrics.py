"""Counters of the listener, by bounded labels; no AE title, no UID."""

from prometheus_client import Counter

ASSOCIATIONS = Counter("gantry_associations_total", "Associations by how they ended or were refused.", ["outcome"])
STORES = Counter("gantry_c_store_total", "C-STORE requests by the status that was answered.", ["status"])
FINDS = Counter("gantry_c_find_total", "C-FIND requests by the status of the final response.", ["status"])
STORED_BYTES = Counter("gantry_c_store_bytes_total", "Bytes of data sets that were acknowledged.")
RETRIEVES = Counter(
    "gantry_retrieve_total",
    "C-GET and C-MOVE requests by the status that was answered in the end.",
    ["service", "status"],
)
