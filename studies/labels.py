"""Labels: words that rules give to studies."""

from collections.abc import Iterable

from studies.models import LO_LENGTH, Study, StudyLabel

LEGAL_HOLD = "legal hold"  # in whatever case: nothing of such a study is deleted, and no policy moves it


def give_labels(given: Iterable[tuple[int, str, str]]) -> None:
    """Write (study's primary key, label, name of the rule); a study has each label once, by the first."""
    StudyLabel.objects.bulk_create(
        [StudyLabel(study_id=pk, label=label[:LO_LENGTH], given_by=rule) for pk, label, rule in sorted(given)],
        ignore_conflicts=True,
    )


def is_on_legal_hold(study: Study) -> bool:
    """Somebody may need it as evidence."""
    return StudyLabel.objects.filter(study=study, label__iexact=LEGAL_HOLD).exists()
