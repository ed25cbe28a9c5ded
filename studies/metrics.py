"""Counters of the archive, by bounded labels; no AE title, no UID."""

from prometheus_client import Counter

COMMITMENT_VERDICTS = Counter(
    "gantry_commitment_instances_total", "Instances by the verdict of a storage commitment.", ["verdict"]
)
DAMAGED_FILES = Counter(
    "gantry_damaged_files_total", "Times that a stored file was read back and was not what the index says."
)
COMMITMENT_REPORTS = Counter(
    "gantry_commitment_reports_total", "Reports of storage commitment by how the attempt ended.", ["outcome"]
)
