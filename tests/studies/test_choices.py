"""What studies can be filtered by, each value once."""

import pytest
from pytest_django import DjangoAssertNumQueries

from studies.choices import Choices, list_choices
from studies.models import StudyLabel
from tests.factories import SeriesFactory, StudyFactory

pytestmark = pytest.mark.django_db


def test_an_empty_archive_has_none() -> None:
    assert list_choices() == Choices()


def test_each_value_once_in_one_query(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    for sender, modality, label in (("MR", "MR", "b"), ("", "", "a"), ("CT", "CT", "b"), ("CT", "CT", "ä")):
        study = SeriesFactory.create(study=StudyFactory.create(calling_ae_title=sender), modality=modality).study
        StudyLabel.objects.create(study=study, label=label, given_by="rule")

    with django_assert_num_queries(1):
        found = list_choices()

    assert found == Choices(senders=["CT", "MR"], modalities=["CT", "MR"], labels=["a", "b", "ä"])
