"""Pages of the study list, with a total that stays quick however many studies there are."""

from typing import Any

from django.utils.functional import cached_property

from studies.pages import LargePages, counted

COUNTED = 10_000


class StudyPages(LargePages):
    """Numbered pages; of a filtered list the first 10,000 studies are counted and paged, and no more.

    To count what a filter finds takes as long as to read all of it; of the whole table an index is counted.
    """

    is_filtered = False

    @cached_property
    def count(self) -> int:
        """How many can be paged through."""
        rows: Any = self.object_list
        return min(self.found, COUNTED) if self.is_filtered else counted(rows.order_by())

    @cached_property
    def found(self) -> int:
        """How many a filter finds, or one more than is counted."""
        rows: Any = self.object_list
        return counted(rows.order_by()[: COUNTED + 1])

    @property
    def has_more(self) -> bool:
        """There are more than are counted."""
        return self.count == COUNTED and self.is_filtered and self.found > COUNTED
