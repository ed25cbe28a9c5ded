"""The audit trail as rows: records, the heads of their chains, and what was found when they were verified."""

from django.db import models

from dicomnet.audit import Action, ActorKind

HASH_LENGTH = 64
TEXT_LENGTH = 200


class Chain(models.Model):
    """The head of one chain. Whoever appends locks the row of a chain that is free, and keeps it until the commit."""

    length = models.BigIntegerField(default=0, help_text="Records that the chain has.")
    head = models.CharField(max_length=HASH_LENGTH, blank=True, help_text="The hash of the last one.")

    def __str__(self) -> str:
        return f"chain {self.pk}"


class AuditRecord(models.Model):
    """One act of somebody. Holds Patient IDs and Study Instance UIDs, no names of patients.

    Written once: triggers of the database refuse to change or remove a row (``gateway.audit.guard``). A migration that
    has SQLite make this table anew drops them with the old one, and has to make them again.
    """

    chain = models.ForeignKey(Chain, on_delete=models.PROTECT, related_name="records", db_index=False)
    sequence = models.BigIntegerField(help_text="Place in the chain, from 1.")
    at = models.DateTimeField()
    action = models.CharField(max_length=20, choices=Action)
    actor = models.CharField(max_length=150, blank=True)
    actor_kind = models.CharField(max_length=8, choices=ActorKind)
    address = models.CharField(max_length=64, blank=True, help_text="From where.")
    patient_id = models.CharField("Patient ID", max_length=64, blank=True)
    study_instance_uid = models.CharField("Study Instance UID", max_length=64, blank=True)
    subject = models.CharField(max_length=TEXT_LENGTH, blank=True, help_text="What else it was done to.")
    number = models.BigIntegerField(default=0, help_text="Instances.")
    detail = models.TextField(default="{}", help_text="What else is known, as JSON in its canonical form.")
    key_id = models.CharField(max_length=8, help_text="Which of the keys made the hash.")
    previous = models.CharField(max_length=HASH_LENGTH, blank=True, help_text="The hash of the record before.")
    hash = models.CharField(max_length=HASH_LENGTH, help_text="HMAC-SHA-256 of the canonical form.")

    class Meta:
        ordering = ["-pk"]
        constraints = [models.UniqueConstraint(fields=["chain", "sequence"], name="audit_place_in_chain")]
        indexes = [  # of the search, the latest first
            models.Index(fields=["at"], name="audit_by_time"),
            models.Index(fields=["actor", "id"], name="audit_by_actor"),
            models.Index(fields=["patient_id", "id"], name="audit_by_patient", condition=~models.Q(patient_id="")),
            models.Index(
                fields=["study_instance_uid", "id"], name="audit_by_study", condition=~models.Q(study_instance_uid="")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.chain_id}/{self.sequence} {self.action}"


class Segment(models.Model):
    """A closed part of a chain whose records are in a file and no longer rows. Holds no patient data.

    Signed, written once, and never changed (``gateway.audit.guard``, where a trigger of the records asks this table: a
    migration that has SQLite make it anew removes the triggers first, and makes them again).
    """

    chain = models.ForeignKey(Chain, on_delete=models.PROTECT, related_name="segments", db_index=False)
    first_sequence = models.BigIntegerField()
    last_sequence = models.BigIntegerField()
    first_at = models.DateTimeField(help_text="Of its earliest record.")
    last_at = models.DateTimeField(help_text="Of its latest record.")
    previous = models.CharField(max_length=HASH_LENGTH, blank=True, help_text="The hash of the record before.")
    head = models.CharField(max_length=HASH_LENGTH, help_text="The hash of its last record.")
    file = models.CharField(max_length=100, help_text="Its name in the folder of the archive.")
    sha256 = models.CharField(max_length=HASH_LENGTH, help_text="Of the file.")
    key_id = models.CharField(max_length=8)
    signature = models.CharField(max_length=HASH_LENGTH, help_text="HMAC-SHA-256 of all other columns.")

    class Meta:
        ordering = ["chain", "first_sequence"]
        constraints = [
            models.UniqueConstraint(fields=["chain", "first_sequence"], name="audit_segment_in_chain"),
            models.CheckConstraint(
                condition=models.Q(last_sequence__gte=models.F("first_sequence")), name="audit_segment_has_records"
            ),
        ]

    def __str__(self) -> str:
        return self.file

    @property
    def count(self) -> int:
        """Records in it."""
        return self.last_sequence - self.first_sequence + 1


class TakenJournal(models.Model):
    """A journal whose entries are rows already; the row goes with the file, which a crash may have left."""

    name = models.CharField(max_length=64, primary_key=True)

    def __str__(self) -> str:
        return self.name


class Told(models.Model):
    """How far the syslog receiver has been told of one chain. Holds no patient data."""

    chain = models.OneToOneField(Chain, on_delete=models.CASCADE, primary_key=True, related_name="told")
    sequence = models.BigIntegerField(help_text="The last record that it has.")

    def __str__(self) -> str:
        return f"chain {self.chain_id} to {self.sequence}"


class Teller(models.Model):
    """The one row of whoever tells the syslog receiver: who is at it now, and how it went. Holds no patient data."""

    lease_token = models.CharField(max_length=32, blank=True, default="")
    lease_until = models.DateTimeField(null=True, help_text="How long a worker has it.")
    failures = models.PositiveIntegerField(default=0, help_text="Since it last went well.")
    next_attempt_at = models.DateTimeField(null=True, help_text="Not before; empty: at once.")
    told_at = models.DateTimeField(null=True, help_text="When it last went well.")
    words = models.CharField(max_length=TEXT_LENGTH, blank=True, default="", help_text="What went wrong last.")

    def __str__(self) -> str:
        return f"told at {self.told_at}"


class Verification(models.Model):
    """What was found when all records were verified."""

    began_at = models.DateTimeField()
    ended_at = models.DateTimeField()
    asked_by = models.CharField(max_length=150)
    records = models.BigIntegerField(help_text="Records that were looked at.")
    faults = models.BigIntegerField(help_text="What is wrong, counted.")
    findings = models.JSONField(default=list, help_text="The first of what is wrong, in words.")

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.ended_at:%Y-%m-%d %H:%M}: {self.faults} faults"
