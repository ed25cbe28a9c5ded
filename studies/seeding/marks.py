"""What tells a fictitious record from a study that came in: a label of its study, and a name that no file has."""

from django.db.models import Exists, OuterRef, Q

from studies.models import Instance, StudyLabel

FICTITIOUS = "fictitious"
GIVEN_BY = "manage.py seed"
PATIENT_PREFIX, SENDER_PREFIX = "SEED-", "SEED_"
IMAGES = "IMAGES"  # in the Patient ID, where another number counts
# Instance.location of a record. Names in the hot store begin with a ULID, so no file is ever called this.
NO_FILE = "seeded/without-a-file"


def is_fictitious(study: str = "pk") -> Exists:
    """Condition on studies, or on rows that name one in this field: ``manage.py seed`` made it."""
    return Exists(StudyLabel.objects.filter(study=OuterRef(study), label=FICTITIOUS, given_by=GIVEN_BY))


def is_record(study: str = "pk") -> Q:
    """The same, of a study without images: nothing of it can be read, sent, moved or brought back."""
    # The label is asked first: only of the few that have it the instances are looked at.
    return Q(is_fictitious(study)) & Q(Exists(Instance.objects.filter(series__study=OuterRef(study), location=NO_FILE)))
