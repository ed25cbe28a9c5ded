"""Patient IDs as one source writes them, and as the federation knows them (PS3.3 C.7.1.1, Issuer of Patient ID).

A source may have a prefix: what it calls 4711 the federation calls ``NORTH-4711``. It may have an issuer, which its
matches bear when they name none themselves. Both are optional, and pure.
"""

from dataclasses import dataclass

from spanner.answers import Row, text_of, with_text
from spanner.question import ISSUER, PATIENT_ID, Question, matcher_of
from studies.matching.parse import EMPTY
from studies.matching.wildcards import ANY_CHARACTER, ANY_TEXT
from studies.query.keys import QueryLevel


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
        if self.issuer and wanted_issuer and matcher_of(ISSUER, wanted_issuer).matches(self.issuer):
            found = found.with_value(ISSUER, "")  # its own rows mostly have none: by definition they are its issuer's
        wanted = question.value(PATIENT_ID).strip()
        if not self.prefix or not wanted or wanted == EMPTY:  # without an ID there is no prefix either
            return found
        own = without_prefix(wanted, self.prefix)
        if not own:
            return None
        # Where a pattern may leave off in several ways, it is asked for all, and what comes is looked through
        # (``is_wanted``).
        return found.with_value(PATIENT_ID, own.pop() if len(own) == 1 else "")

    def inwards(self, row: Row) -> Row:
        """A match of the source as the federation knows it."""
        patient_id = text_of(row, PATIENT_ID).strip()
        if not patient_id:
            return row
        if self.prefix:
            row = with_text(row, PATIENT_ID, "LO", self.prefix + patient_id)
        if self.issuer and not text_of(row, ISSUER).strip():
            row = with_text(row, ISSUER, "LO", self.issuer)
        return row


def without_prefix(wanted: str, prefix: str) -> set[str]:
    """What is left of a value or a pattern for what follows the prefix; empty when it matches nothing with it.

    A ``*`` may end within the prefix or behind it, so that there may be several.
    """
    left = {wanted}
    for character in prefix:
        left = {rest for one in left for rest in _behind(one, character)}
    # What an ID cannot be is empty: nothing that has the prefix alone is a match.
    return {"*" if not one.strip("*") else one for one in left if one}


def _behind(pattern: str, character: str) -> set[str]:
    """What is left of a pattern when its beginning has matched one character."""
    if pattern.startswith(ANY_TEXT):
        return {pattern} | _behind(pattern.lstrip(ANY_TEXT), character)
    return {pattern[1:]} if pattern[:1] in (ANY_CHARACTER, character) else set()


def is_wanted(row: Row, question: Question, asked: Question) -> bool:
    """Whether the federation's patient ID and issuer are those that were asked for.

    What a match does not name says nothing against it, for below the study archives leave the patient out, and many
    have no issuer. Only where the source was asked for all patients is a study of nobody not what was wanted.

    Args:
        row: as the federation knows it.
        question: as the federation has it.
        asked: as the source was asked it.
    """
    is_of_patients = question.level in {QueryLevel.PATIENT, QueryLevel.STUDY}
    was_for_all = is_of_patients and not asked.value(PATIENT_ID).strip(ANY_TEXT)
    return all(
        matcher_of(tag, wanted).matches(text_of(row, tag).strip())
        for tag in (PATIENT_ID, ISSUER)
        if (wanted := question.value(tag)) and (text_of(row, tag) or (was_for_all and tag == PATIENT_ID))
    )
