"""Counters of tiering, by bounded labels; no name of a location, no UID."""

from prometheus_client import Counter

SCRUBBED_BYTES = Counter("gantry_scrubbed_bytes_total", "Bytes that were read again to be compared.", ["tier"])
DAMAGE_FOUND = Counter(
    "gantry_damage_found_total", "Files and packs that were read again and were not what was acknowledged.", ["tier"]
)
DAMAGE_REPAIRED = Counter("gantry_damage_repaired_total", "Of these, those that were repaired.", ["tier"])
