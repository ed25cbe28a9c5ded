from datetime import date

import pytest

from studies.selectors import StudyFilters, list_studies
from tests.factories import StudyFactory

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("filters", "is_found"),
    [
        (StudyFilters(), True),
        (StudyFilters(patient_id="at0"), True),
        (StudyFilters(patient_id="PAT?07"), True),
        (StudyFilters(patient_id="7*P"), False),
        (StudyFilters(patient_id="P%7"), False),
        (StudyFilters(patient_id="P_T"), False),
        (StudyFilters(patient_name="max, MUSTER"), True),
        (StudyFilters(patient_name="muster*x"), True),
        (StudyFilters(patient_name="müller"), True),
        (StudyFilters(patient_name="moritz"), False),
        (StudyFilters(accession_number="acc"), True),
        (StudyFilters(modality="sr"), True),
        (StudyFilters(modality="MR, CT"), True),
        (StudyFilters(modality="MR"), False),
        (StudyFilters(modality="C"), False),
        (StudyFilters(description="10 % \\"), True),
        (StudyFilters(description="10_%"), False),
        (StudyFilters(study_date_from=date(2026, 11, 20)), True),
        (StudyFilters(study_date_from=date(2026, 11, 21)), False),
        (StudyFilters(study_date_to=date(2026, 11, 20)), True),
        (StudyFilters(study_date_to=date(2026, 11, 19)), False),
        (StudyFilters(tier="hot"), True),
        (StudyFilters(tier="cold"), False),
        (StudyFilters(q="muster thorax 007"), True),
        (StudyFilters(q="muster abdomen"), False),
        (StudyFilters(q="1.2.3"), True),
        (StudyFilters(q="a\0cc"), True),
    ],
)
def test_list_studies_by_filter(filters: StudyFilters, is_found: bool) -> None:
    StudyFactory(
        study_instance_uid="1.2.3",
        patient_id="PAT007",
        patient_name="MÜLLER-Mustermann^Max",
        accession_number="ACC007",
        modalities_in_study="\\CT\\SR\\",
        study_date="20261120",
        study_description="Thorax 10 % \\ x",
    )

    assert list_studies(filters).exists() is is_found


def test_list_studies_without_date_is_in_no_range() -> None:
    StudyFactory(study_date="")

    assert not list_studies(StudyFilters(study_date_to=date(2030, 1, 1))).exists()
