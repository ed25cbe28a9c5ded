"""Filters and order of the API's lists, strict: a parameter that means nothing here is refused, not ignored.

A misspelt filter that is ignored answers with everything, which for patient data is the worst answer there is.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.db.models import Model, QuerySet
from django_filters.rest_framework import DjangoFilterBackend
from rest_framework.exceptions import ValidationError
from rest_framework.filters import OrderingFilter
from rest_framework.request import Request

if TYPE_CHECKING:
    from rest_framework.views import APIView  # at run time that module imports this one, by the settings


class StrictFilter(DjangoFilterBackend):  # type: ignore[misc]
    """The view's filterset, and nothing else but page and order."""

    def filter_queryset(self, request: Request, queryset: QuerySet[Model], view: "APIView") -> QuerySet[Model]:
        """Filter.

        Raises:
            ValidationError: an unknown parameter, or a value that its filter does not take.
        """
        filterset = self.get_filterset_class(view, queryset)
        known = set(filterset.base_filters) if filterset else set()
        refuse_unknown_parameters(request.query_params, known | _list_parameters(view))
        filtered: QuerySet[Model] = super().filter_queryset(request, queryset, view)
        return filtered


class StrictOrdering(OrderingFilter):
    """``ordering=-study_date,patient_id`` over the view's ``ordering_fields``; the primary key breaks ties."""

    ordering_description = "Fields to order by, separated by commas; a minus before one turns it round."

    def remove_invalid_fields(self, queryset: Any, fields: Any, view: "APIView", request: Request) -> list[str]:
        """Refuse what cannot be ordered by.

        Raises:
            ValidationError: with the fields that can.
        """
        valid: list[str] = super().remove_invalid_fields(queryset, fields, view, request)
        if len(valid) != len(fields):
            names = ", ".join(getattr(view, "ordering_fields", ()) or ()) or "nothing"
            raise ValidationError({"ordering": [f"This list can be ordered by {names}."]})
        return valid

    def get_valid_fields(self, queryset: Any, view: "APIView", context: Any = None) -> list[tuple[str, str]]:
        """Only what the view names: each has an index, or a short list."""
        return [(name, name) for name in getattr(view, "ordering_fields", ()) or ()]

    def get_ordering(self, request: Request, queryset: Any, view: "APIView") -> Any:
        """Without a tie-breaker an instance could stand on two pages and another on none."""
        ordering = super().get_ordering(request, queryset, view)
        return [*ordering, "-pk" if ordering[0].startswith("-") else "pk"] if ordering else ordering


def refuse_unknown_parameters(given: Mapping[str, Any], known: set[str]) -> None:
    """Raise a validation error that names each parameter which is not known.

    Raises:
        ValidationError: there is one.
    """
    unknown = sorted(set(given) - known)
    if unknown:
        raise ValidationError({name: ["There is no such parameter."] for name in unknown})


def _list_parameters(view: Any) -> set[str]:
    names = {"ordering"} if getattr(view, "ordering_fields", None) else set()
    paginator = getattr(view, "paginator", None)
    if paginator is not None:
        names |= {paginator.page_query_param, paginator.page_size_query_param}
    return names
