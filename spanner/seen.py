"""What a person who sees a part of the archive is told of other archives: the studies that are here and seen.

Nobody can tell whose a study is that lies elsewhere alone: its sender is not known. So it is not shown, nor brought.
"""

from collections.abc import Iterator
from dataclasses import replace

from spanner.answers import Answer, text_of
from spanner.question import STUDY_UID, Question
from studies.models import Study
from studies.sight import current_sight

AT_ONCE = 500


def seen(answer: Answer, question: Question | None) -> Answer:
    """An answer without the matches that whoever asks does not see.

    Args:
        answer: of one source.
        question: what was asked; a match that has no Study Instance UID has the one that was asked for.
    """
    if current_sight() is None or not answer.rows:
        return answer
    asked = (question.value(STUDY_UID) if question else "") or ""
    uids = [text_of(row, STUDY_UID) or asked for row in answer.rows]
    known = set(_known(sorted(set(uids))))
    return replace(answer, rows=[row for row, uid in zip(answer.rows, uids, strict=True) if uid in known])


def _known(uids: list[str]) -> Iterator[str]:
    for start in range(0, len(uids), AT_ONCE):
        some = uids[start : start + AT_ONCE]
        yield from Study.objects.filter(study_instance_uid__in=some).values_list("study_instance_uid", flat=True)
