"""Numbered pages of lists that grow (studies.pages)."""

import pytest
from django.core.paginator import EmptyPage
from pytest_django import DjangoAssertNumQueries

from studies.models import Study
from studies.pages import LargePages
from tests.factories import StudyFactory

pytestmark = pytest.mark.django_db


def pages(per_page: int) -> LargePages:
    return LargePages(Study.objects.order_by("-patient_id"), per_page)


def test_pages_hold_every_row_once_in_order() -> None:
    StudyFactory.create_batch(5)
    found = pages(2)

    rows = [study for number in found.page_range for study in found.page(number)]
    assert rows == list(Study.objects.order_by("-patient_id"))
    assert (found.count, found.num_pages) == (5, 3)


def test_first_page_that_is_not_full_is_not_counted(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    StudyFactory.create_batch(2)
    found = pages(2)

    with django_assert_num_queries(2):
        assert len(list(found.page("1"))) == found.count == 2


def test_nothing_is_one_empty_page() -> None:
    assert list(pages(2).page(1)) == []
    assert LargePages(Study.objects.none().order_by("pk"), 2).count == 0


def test_page_beyond_the_last() -> None:
    StudyFactory()

    with pytest.raises(EmptyPage):
        pages(2).page(2)


def test_plain_list_is_paged_as_ever() -> None:
    assert list(LargePages([1, 2, 3], 2).page(2)) == [3]
