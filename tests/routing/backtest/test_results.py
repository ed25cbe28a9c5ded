"""Lists and CSV of what a back-test found."""

import csv
import io

import pytest

from routing.backtest.models import BackTest, BackTestStudy
from routing.backtest.results import OUTCOMES, counts_by_outcome, csv_lines, studies_of
from tests.factories import BackTestFactory, StudyFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def back_test() -> BackTest:
    """Two studies only the draft takes, one only the live version, one both."""
    made = BackTestFactory.create()
    for by_draft, by_live in ((True, False), (True, False), (False, True), (True, True)):
        BackTestStudy.objects.create(
            back_test=made, study=StudyFactory.create(), by_draft=by_draft, by_live=by_live, instance_count=3
        )
    BackTest.objects.update(matched=3, differing=3)
    made.refresh_from_db()
    return made


def test_counts_are_those_of_the_lists(back_test: BackTest) -> None:
    counts = counts_by_outcome(back_test)

    assert counts == {"differ": 3, "draft-only": 2, "live-only": 1, "both": 1, "all": 4}
    assert counts == {outcome: studies_of(back_test, outcome).count() for outcome in OUTCOMES}


@pytest.mark.parametrize("text", ["=1+1", "+49", "-1", "@SUM(A1)", "\t=1", "  =1"])
def test_no_cell_is_a_formula(back_test: BackTest, text: str) -> None:
    study = StudyFactory.create(study_description=text, patient_name="Doe^Jane", modalities_in_study="\\CT\\SR\\")
    BackTestStudy.objects.create(back_test=back_test, study=study, by_draft=True, by_live=False, instance_count=3)

    rows = list(csv.DictReader(io.StringIO("".join(csv_lines(back_test)))))

    assert len(rows) == 5
    assert rows[-1]["StudyDescription"] == f"'{text}"
    assert (rows[-1]["PatientName"], rows[-1]["ModalitiesInStudy"]) == ("Doe^Jane", "CT SR")
    assert (rows[-1]["Draft"], rows[-1]["Live"], rows[-1]["Instances"]) == ("yes", "no", "3")


def test_csv_has_the_chosen_list(back_test: BackTest) -> None:
    assert len(list(csv_lines(back_test, "live-only"))) == 2
