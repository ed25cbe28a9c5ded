from pathlib import Path

import pytest

from tests.tally import Tally, failed_names, ran_names, read_tally

REPORT = """<testsuites><testsuite>
<testcase name="good"/>
<testcase name="bad"><failure message="no"/></testcase>
<testcase name="no fixture"><error message="no"/></testcase>
<testcase name="left out"><skipped type="pytest.skip" message="no dcmtk"/></testcase>
<testcase name="known"><skipped type="pytest.xfail" message="later"/></testcase>
</testsuite></testsuites>"""


def test_read_tally_counts_by_outcome(tmp_path: Path) -> None:
    (tmp_path / "report.xml").write_text(REPORT)

    assert read_tally(tmp_path / "report.xml", 1) == Tally(passed=2, failed=2, skipped=1)


def test_names_are_of_what_failed_and_of_what_ran(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    report.write_text(REPORT.replace("<testcase ", '<testcase classname="tests.x" '))

    assert failed_names(report) == ["tests.x::bad", "tests.x::no fixture"]
    assert ran_names(report) == {f"tests.x::{name}" for name in ("good", "bad", "no fixture", "known")}
    assert failed_names(tmp_path / "none.xml") == []


@pytest.mark.parametrize(("status", "failed"), [(0, 0), (5, 0), (2, 1), (-11, 1)])
def test_run_that_wrote_no_report_failed_unless_it_found_no_test(tmp_path: Path, status: int, failed: int) -> None:
    assert read_tally(tmp_path / "report.xml", status) == Tally(failed=failed)


def test_tally_reads_as_the_last_line_of_a_run() -> None:
    assert str(Tally(3, 0, 1) + Tally(2, 1, 0)) == "5 passed, 1 failed, 1 skipped"
