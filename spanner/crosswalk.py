"""Patient IDs as one source writes them, and as the federation knows them (PS3.3 C.7.1.1, Issuer of Patient ID).

A source may have a prefix: what it calls 4711 the federation calls ``NORTH-4711``. It may have an issuer, which its
matches bear when they name none themselves. Both are optional, and pure.
"""

from dataclasses import dataclass

from spanner.answers import Row, text_of, with_text
from spanner.question import ISSUER, PATIENT_ID, Question, matcher_of
from studies.matching.wildcards import has_wildcard


@dataclass(frozen=True)
class Crosswalk:
    """The rules of one source.

    Attributes:
        prefix: stands before its patient IDs in the federation, and not in the source.
        issuer: Issuer of Patient ID of its matches without one.
    """

    prefix: str = ""
    issuer: str = ""

    def outwards(self, question: Question) -> Question | None:
        """The question as the source is to be asked it; None when nothing that it has can match."""
        found = question
        wanted_issuer = question.value(ISSUER)
        if self.issuer and wanted_issuer:
            if not matcher_of(ISSUER, wanted_issuer).matches(self.issuer):
                return None
            found = found.with_value(ISSUER, "")  # its own rows mostly have none: by definition they are its issuer's
        wanted = question.value(PATIENT_ID)
        if not self.prefix or not wanted:
            return found
        if wanted.startswith(self.prefix):
            return found.with_value(PATIENT_ID, wanted[len(self.prefix) :] or "*")
        # Where a pattern leaves off and the prefix begins is not to be told: it is asked for all, and what comes is
        # looked through (``is_wanted``).
        return found.with_value(PATIENT_ID, "") if has_wildcard(wanted) else None

    def inwards(self, row: Row) -> Row:
        """A match of the source as the federation knows it."""
        patient_id = text_of(row, PATIENT_ID)
        if not patient_id:
            return row
        if self.prefix:
            row = with_text(row, PATIENT_ID, "LO", self.prefix + patient_id)
        if self.issuer and not text_of(row, ISSUER):
            row = with_text(row, ISSUER, "LO", self.issuer)
        return row


def is_wanted(row: Row, question: Question) -> bool:
    """Whether the federation's patient ID and issuer are those that were asked for."""
    return all(
        matcher_of(tag, wanted).matches(text_of(row, tag))
        for tag in (PATIENT_ID, ISSUER)
        if (wanted := question.value(tag)) and text_of(row, tag)
    )
