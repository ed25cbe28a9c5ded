"""Labels: words that rules give to studies."""

from collections.abc import Iterable

from studies.models import LO_LENGTH, StudyLabel


def give_labels(given: Iterable[tuple[int, str, str]]) -> None:
    """Write (study's primary key, label, name of the rule); a study has each label once, by the first."""
    StudyLabel.objects.bulk_create(
        [StudyLabel(study_id=pk, label=label[:LO_LENGTH], given_by=rule) for pk, label, rule in sorted(given)],
        ignore_conflicts=True,
    )
