"""Count what a pytest run did, from the XML file it wrote."""

from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

_NO_TESTS_COLLECTED = 5  # pytest's own status; nothing failed, and nothing passed either


@dataclass(frozen=True)
class Tally:
    """Tests by outcome; an error in setting one up or tearing it down counts as failed."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(self.passed + other.passed, self.failed + other.failed, self.skipped + other.skipped)

    def __str__(self) -> str:
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


def read_tally(report: Path, exit_status: int) -> Tally:
    """The counts of one run.

    A run that wrote no report, or that says it failed where the report shows no failure, counts as one more
    failed test: what did not happen must not look like success.
    """
    tally = sum((_outcome(case) for case in _cases(report)), Tally())
    if exit_status not in {0, _NO_TESTS_COLLECTED} and tally.failed == 0:
        tally += Tally(failed=1)
    return tally


def failed_names(report: Path) -> list[str]:
    """Names of the tests that failed, as the report has them; none when there is no report."""
    return [_name(case) for case in _cases(report) if _outcome(case).failed]


def ran_names(report: Path) -> set[str]:
    """Names of the tests that passed or failed."""
    return {_name(case) for case in _cases(report) if not _outcome(case).skipped}


def _cases(report: Path) -> list[ElementTree.Element]:
    if not report.exists() or not report.stat().st_size:
        return []
    return list(ElementTree.parse(report).getroot().iter("testcase"))  # noqa: S314 (pytest wrote it)


def _name(case: ElementTree.Element) -> str:
    return f"{case.get('classname')}::{case.get('name')}"


def _outcome(case: ElementTree.Element) -> Tally:
    if case.find("failure") is not None or case.find("error") is not None:
        return Tally(failed=1)
    skipped = case.find("skipped")
    # A test that is expected to fail and did is written down as skipped, but it ran.
    if skipped is not None and skipped.get("type") != "pytest.xfail":
        return Tally(skipped=1)
    return Tally(passed=1)
