"""Ask for a test study, and say how far it has come."""

import secrets
from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from dicomnet.audit import Action, Entry, record
from dicomnet.lab.people import person
from dicomnet.lab.uids import lab_uid
from gateway.accounts.models import User
from gateway.samples.events import samples_due
from gateway.samples.models import SampleState, SampleStudy
from studies.models import Study

PATIENT = 0  # LAB-0000, who has no study by any other way
INSTANCES = 8
SHOWN_FOR = timedelta(hours=1)


@dataclass(frozen=True)
class Progress:
    """How far somebody's test study has come.

    Attributes:
        indexed: how many of its instances are in the archive, and can be looked at.
    """

    sample: SampleStudy
    indexed: int

    @property
    def has_arrived(self) -> bool:
        """All of it is in the archive."""
        return self.indexed >= self.sample.instances

    @property
    def is_moving(self) -> bool:
        """Whether looking again soon is worth while."""
        return self.sample.state != SampleState.FAILED and not self.has_arrived


@transaction.atomic
def ask_for_sample(user: User) -> SampleStudy:
    """Have a test study sent; the one that is under way, if there is one, so that pressing twice sends one."""
    SampleStudy.objects.filter(user=user).exclude(state=SampleState.SENDING).delete()
    seed = secrets.randbits(32)
    sample, is_new = SampleStudy.objects.get_or_create(
        user=user,
        state=SampleState.SENDING,
        defaults={"seed": seed, "study_instance_uid": lab_uid(seed, PATIENT), "instances": INSTANCES},
    )
    if is_new:
        record(
            Entry(
                Action.SENT,
                subject="test study to this gateway",
                patient_id=person(PATIENT).patient_id,
                study_instance_uid=sample.study_instance_uid,
                number=sample.instances,
            )
        )
    transaction.on_commit(lambda: samples_due.send(SampleStudy))
    return sample


def progress_of(user: User) -> Progress | None:
    """The test study that this person asked for lately; None: there is none."""
    sample = SampleStudy.objects.filter(user=user, created_at__gt=timezone.now() - SHOWN_FOR).first()
    if sample is None:
        return None
    found = Study.objects.filter(study_instance_uid=sample.study_instance_uid)
    return Progress(sample, found.values_list("number_of_study_related_instances", flat=True).first() or 0)
