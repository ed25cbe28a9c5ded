"""Labels: words that rules and people give to studies."""

from collections.abc import Iterable

from studies.conflict_models import USER_NAME_LENGTH
from studies.models import LO_LENGTH, Study, StudyLabel

LEGAL_HOLD = "legal hold"  # in whatever case: nothing of such a study is deleted, and no policy moves it
MAXIMUM_LABELS = 50  # of one study, by hand


def give_labels(given: Iterable[tuple[int, str, str]]) -> None:
    """Write (study's primary key, label, name of the rule); a study has each label once, by the first."""
    StudyLabel.objects.bulk_create(
        [StudyLabel(study_id=pk, label=label[:LO_LENGTH], given_by=rule) for pk, label, rule in sorted(given)],
        ignore_conflicts=True,
    )


def give_label(study: Study, label: str, *, by: str) -> bool:
    """Have a person give a label; False when the study has it already, in whatever case, or has too many."""
    label = clean_label(label)
    labels = StudyLabel.objects.filter(study=study)
    if not label or labels.filter(label__iexact=label).exists() or labels.count() >= MAXIMUM_LABELS:
        return False
    new = StudyLabel(study=study, label=label, given_by=by[:USER_NAME_LENGTH], is_by_hand=True)
    StudyLabel.objects.bulk_create([new], ignore_conflicts=True)
    return True


def take_label(study: Study, label: str) -> bool:
    """Take a label off, in whatever case; False when the study does not have it."""
    return bool(StudyLabel.objects.filter(study=study, label__iexact=clean_label(label)).delete()[0])


def is_legal_hold(label: str) -> bool:
    """Whether this label is the one that keeps a study."""
    return clean_label(label).casefold() == LEGAL_HOLD


def clean_label(text: str) -> str:
    """What can be printed of it, with single blanks, in the length that a label may have."""
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())[:LO_LENGTH]


def is_on_legal_hold(study: Study) -> bool:
    """Somebody may need it as evidence."""
    return StudyLabel.objects.filter(study=study, label__iexact=LEGAL_HOLD).exists()
