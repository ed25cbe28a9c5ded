"""Pages of the API's lists: ``{"count", "next", "previous", "results"}``."""

from typing import Any

from rest_framework.exceptions import ValidationError
from rest_framework.pagination import PageNumberPagination
from rest_framework.request import Request

from studies.pages import LargePages


class Pages(PageNumberPagination):
    """Numbered pages of 50, or of what ``page_size`` asks for."""

    django_paginator_class = LargePages
    page_size = 50
    max_page_size = 200
    page_size_query_param = "page_size"
    page_size_query_description = f"Results per page, 1 to {max_page_size}; {page_size} when it is left out."

    def get_page_size(self, request: Request) -> int:
        """The asked size.

        Raises:
            ValidationError: it is no number, or out of bounds; a silent other size would hide results.
        """
        asked: Any = request.query_params.get(self.page_size_query_param, str(self.page_size))
        if not asked.isascii() or not asked.isdecimal() or not 1 <= int(asked[:9]) <= self.max_page_size:
            raise ValidationError({"page_size": [f"Give a whole number from 1 to {self.max_page_size}."]})
        return int(asked)

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """Both with their bounds."""
        bounds = {
            self.page_query_param: {"minimum": 1},
            self.page_size_query_param: {"minimum": 1, "maximum": self.max_page_size, "default": self.page_size},
        }
        found = super().get_schema_operation_parameters(view)
        return [one | {"schema": one["schema"] | bounds[one["name"]]} for one in found]
