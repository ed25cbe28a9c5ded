"""What Gantry has to reach, as data: compared with the measured medians, never asserted."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from benchmarks.figures import Run, ratio, summary

GANTRY, GANTRY_PG = "Gantry", "Gantry, PostgreSQL"
ORTHANC, ORTHANC_PG = "Orthanc", "Orthanc, PostgreSQL"
STORESCP, STOCK, DCMSEND = "DCMTK storescp", "pynetdicom", "DCMTK dcmsend"


class Verdict(Enum):
    """How a measured value stands to its bar."""

    MISSED = "missed"
    REACHED = "reached"
    GOAL = "goal"
    NOT_MEASURED = "not measured"


@dataclass(frozen=True)
class Bar:
    """One line of the table.

    Attributes:
        against: the peer to divide by; empty compares the figure itself.
        unit: of the value; "x" for a ratio.
        is_ceiling: smaller is better.
    """

    task: str
    figure: str
    to_reach: float
    goal: float
    against: str = ""
    unit: str = "x"
    is_ceiling: bool = False
    subject: str = GANTRY

    def value(self, runs: Sequence[Run]) -> float | None:
        """The measured value; None when something that it needs was not measured."""
        if self.against:
            return ratio(runs, self.task, self.figure, (self.subject, self.against))
        found = summary(runs, self.task, self.subject, self.figure)
        return found.median if found else None

    def verdict(self, value: float | None) -> Verdict:
        """Compare."""
        if value is None:
            return Verdict.NOT_MEASURED
        if self._reaches(value, self.goal):
            return Verdict.GOAL
        return Verdict.REACHED if self._reaches(value, self.to_reach) else Verdict.MISSED

    def _reaches(self, value: float, bar: float) -> bool:
        return value <= bar if self.is_ceiling else value >= bar


INDEXED = "indexed/s"

BARS: tuple[Bar, ...] = (
    Bar("receive ct 1", INDEXED, 2.0, 3.0, ORTHANC),
    Bar("receive ct 4", INDEXED, 1.7, 2.2, ORTHANC),
    Bar("receive ct 16", INDEXED, 1.7, 2.5, ORTHANC),
    Bar("receive ct 1", INDEXED, 2.5, 4.0, ORTHANC_PG, subject=GANTRY_PG),
    Bar("receive ct 4", INDEXED, 2.5, 4.0, ORTHANC_PG, subject=GANTRY_PG),
    Bar("receive ct 16", INDEXED, 2.5, 4.0, ORTHANC_PG, subject=GANTRY_PG),
    Bar("receive mr 16", INDEXED, 1.4, 2.0, ORTHANC),
    Bar("receive ct 16", INDEXED, 0.7, 1.0, STORESCP),
    Bar("as installed receive", INDEXED, 20, 40, ORTHANC),
    Bar("as installed send", "sent/s", 30, 90, DCMSEND),
    Bar("send ct 1", "sent/s", 1.3, 1.8, DCMSEND),
    Bar("send ct 4", "sent/s", 1.3, 1.8, DCMSEND),
    Bar("send ct 1", "sent/s", 1.7, 2.2, ORTHANC),
    Bar("send ct 4", "sent/s", 1.7, 2.2, ORTHANC),
    Bar("journey ct 4", "delivered/s", 150, 300, unit="/s"),
    Bar("journey ct 4", "delivered/s", 1.0, 3.0, ORTHANC),
    Bar("get ct", "fetched/s", 1.0, 2.0, ORTHANC),
    Bar("move ct", "fetched/s", 1.0, 2.0, ORTHANC),
    Bar("associations", "associations/s", 200, 450, unit="/s"),
    Bar("queryable load", "p95 ms", 1000, 100, unit="ms", is_ceiling=True),
    Bar("receive ct 4", "p99 ms", 60, 20, unit="ms", is_ceiling=True),
    Bar("receive ct 16", "listener MiB", 150, 100, unit="MiB", is_ceiling=True),
    Bar("receive big 4", "listener MiB", 256, 120, unit="MiB", is_ceiling=True),
    # Milliseconds by Orthanc's: a half is twice as quick.
    *(
        Bar(f"find {count}", f"{kind} p50 ms", 0.5, 0.2, ORTHANC, is_ceiling=True)
        for count in (1, 8)
        for kind in ("patient", "range", "all")
    ),
    *(Bar(f"qido {count}", f"{kind}/s", 3, 10, ORTHANC) for count in (1, 8) for kind in ("patient", "range", "page")),
    Bar("dicomweb", "series MB/s", 1.0, 2.0, ORTHANC),
    Bar("dicomweb", "stored frames/s, 1", 1.0, 2.0, ORTHANC),
    Bar("dicomweb", "decoded frames/s, 1", 1.0, 2.0, ORTHANC),
    Bar("dicomweb", "metadata/s", 1.5, 5.0, ORTHANC),
    Bar("span", "p50 ms", 60, 25, unit="ms", is_ceiling=True),
    Bar("span", "p95 ms", 150, 60, unit="ms", is_ceiling=True),
    Bar("span", "over slowest ms", 30, 10, unit="ms", is_ceiling=True),
    Bar("span", "black-holed p95 ms", 500, 80, unit="ms", is_ceiling=True),
    Bar("span", "MiB", 600, 400, unit="MiB", is_ceiling=True),
    Bar("span", "8 clients/s", 60, 200, unit="/s"),
    Bar("span", "one client/s", 5, 20, STOCK),
    Bar("idle", "cpu ms/s each", 0.05, 0.05, unit="ms/s", is_ceiling=True),
)
