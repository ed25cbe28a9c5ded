"""Addresses of the study list: only what its own form understands gets into one, so none leads anywhere else."""

from django.http import HttpRequest, HttpResponseRedirect, QueryDict
from django.urls import reverse

from gateway.portal.forms import StudyListForm
from studies.choices import Choices

MAXIMUM_QUERY_LENGTH = 2000
EVERYTHING = "view=all"  # the list without a filter: its bare address begins with a person's default filter


def form_of(query: str) -> StudyListForm:
    """The filters of a query string that came from outside."""
    return StudyListForm(QueryDict(query[:MAXIMUM_QUERY_LENGTH]), choices=Choices())


def list_address(query: str) -> str:
    """The list with the filters of a query string, as far as they make sense."""
    return f"{reverse('study-list')}?{form_of(query).query() or EVERYTHING}"


def back_to_list(request: HttpRequest) -> HttpResponseRedirect:
    """To the list as it was filtered when its page was sent."""
    return HttpResponseRedirect(list_address(request.POST.get("query", "")))
