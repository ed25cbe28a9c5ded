"""Study, Series and Instance: the index of what is stored (PS3.3 A.1.2, PS3.4 C.6.2).

Attributes keep the form of the standard: a date is the eight characters of a DA, a time those of a TM, a name those
of a PN. What a modality wrote is thus kept even where it is no valid date, and compares as the standard's ranges do.
"""

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from studies.changes.models import Change, ChangeKind
from studies.commitments.models import Commitment, CommitmentItem
from studies.conflict_models import PN_LENGTH, USER_NAME_LENGTH, Conflict, IdentityClash
from studies.deletions.models import DeletedFile, Deletion
from studies.pace.models import SourcePace
from studies.sight import SeenManager, by_nobody, of_study

__all__ = [
    "Change",
    "ChangeKind",
    "Commitment",
    "CommitmentItem",
    "Conflict",
    "DeletedFile",
    "Deletion",
    "IdentityClash",
    "Instance",
    "Series",
    "SourcePace",
    "Study",
    "StudyLabel",
    "Tier",
    "UnreadableFile",
]
UID_LENGTH = 64
LO_LENGTH = 64
AE_LENGTH = 16
NOTE_LENGTH = 400


class Tier(models.TextChoices):
    """How quickly a study can be read."""

    HOT = "hot", _("Hot")
    COLD = "cold", _("Cold")
    ARCHIVE = "archive", _("Archive")


class Study(models.Model):
    """One study. Holds patient data: name, identifiers, birth date, sex, dates, descriptions, physician."""

    study_instance_uid = models.CharField("Study Instance UID", max_length=UID_LENGTH, unique=True)
    patient_id = models.CharField("Patient ID", max_length=LO_LENGTH, blank=True)
    issuer_of_patient_id = models.CharField("Issuer of Patient ID", max_length=LO_LENGTH, blank=True)
    patient_name = models.CharField("Patient's Name", max_length=PN_LENGTH, blank=True)
    patient_birth_date = models.CharField("Patient's Birth Date", max_length=8, blank=True)
    patient_sex = models.CharField("Patient's Sex", max_length=16, blank=True)
    study_date = models.CharField("Study Date", max_length=8, blank=True)
    study_time = models.CharField("Study Time", max_length=16, blank=True)
    accession_number = models.CharField("Accession Number", max_length=LO_LENGTH, blank=True)
    study_id = models.CharField("Study ID", max_length=LO_LENGTH, blank=True)
    study_description = models.CharField("Study Description", max_length=LO_LENGTH, blank=True)
    referring_physician_name = models.CharField("Referring Physician's Name", max_length=PN_LENGTH, blank=True)
    institution_name = models.CharField("Institution Name", max_length=LO_LENGTH, blank=True)

    modalities_in_study = models.CharField(
        max_length=255, blank=True, help_text="Modality of each series, between backslashes: \\CT\\SR\\."
    )
    number_of_study_related_series = models.PositiveIntegerField(default=0)
    number_of_study_related_instances = models.PositiveIntegerField(default=0)
    size_bytes = models.PositiveBigIntegerField(default=0)
    calling_ae_title = models.CharField("Sending AE title", max_length=AE_LENGTH, blank=True)
    tier = models.CharField(
        max_length=8, choices=Tier, default=Tier.HOT, help_text="The slowest that one of its instances is on."
    )
    used_at = models.DateTimeField(null=True, blank=True, help_text="When it was read last, to within an hour.")
    received_at = models.DateTimeField(help_text="When its first instance came in.")
    last_received_at = models.DateTimeField(help_text="When its latest instance came in.")
    completed_at = models.DateTimeField(null=True, blank=True, help_text="When it had been quiet long enough.")
    decided_at = models.DateTimeField(
        null=True, blank=True, help_text="When the rules of complete studies had decided on it."
    )

    objects = SeenManager()
    seen_by = of_study("")

    class Meta:
        verbose_name_plural = "studies"
        ordering = ["-received_at", "-pk"]
        indexes = [
            models.Index(fields=["-received_at", "-id"], name="study_newest_first"),  # study list, default order
            models.Index(fields=["patient_id"], name="study_by_patient_id"),
            models.Index(fields=["accession_number"], name="study_by_accession"),
            models.Index(fields=["patient_name", "id"], name="study_by_name"),  # the list in another order, and so on
            models.Index(fields=["patient_birth_date", "id"], name="study_by_birth_date"),
            models.Index(fields=["study_description", "id"], name="study_by_description"),
            models.Index(fields=["number_of_study_related_instances", "id"], name="study_by_instances"),
            models.Index(fields=["size_bytes", "id"], name="study_by_size"),
            models.Index(fields=["calling_ae_title", "id"], name="study_by_sender"),
            models.Index(fields=["last_received_at", "id"], name="study_by_last_receipt"),
            models.Index(  # of some days and modalities, without a look at rows that do not match
                fields=["study_date", "modalities_in_study", "received_at", "id"], name="study_by_date_modality"
            ),
            models.Index(fields=["-received_at", "-id", "patient_name"], name="study_newest_named"),  # of a name
            models.Index(fields=["study_date", "id"], name="study_by_date"),
            models.Index(
                fields=["last_received_at"], name="study_incomplete", condition=Q(completed_at=None)
            ),  # the stability sweep
            models.Index(
                fields=["id"], name="study_undecided", condition=Q(decided_at=None, completed_at__isnull=False)
            ),  # routing's plan
            models.Index(fields=["tier", "last_received_at"], name="study_by_tier"),  # policies, counts
            models.Index(
                fields=["calling_ae_title", "-received_at", "-id"], name="study_by_sender_newest"
            ),  # a rare one
            models.Index(
                fields=["institution_name", "-received_at", "-id"], name="study_by_institution_newest"
            ),  # whoever sees the studies of a site
            models.Index(
                fields=["tier", "-received_at", "-id"], name="study_by_tier_newest"
            ),  # is not looked for in all
        ]

    def __str__(self) -> str:
        return self.study_instance_uid

    @property
    def modalities(self) -> list[str]:
        """Modality of each series, without doubles."""
        return [modality for modality in self.modalities_in_study.split("\\") if modality]


class Series(models.Model):
    """One series. Holds no patient data but descriptions."""

    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="series")
    series_instance_uid = models.CharField("Series Instance UID", max_length=UID_LENGTH)
    modality = models.CharField("Modality", max_length=16, blank=True)
    series_number = models.CharField("Series Number", max_length=16, blank=True)
    series_date = models.CharField("Series Date", max_length=8, blank=True)
    series_time = models.CharField("Series Time", max_length=16, blank=True)
    series_description = models.CharField("Series Description", max_length=LO_LENGTH, blank=True)
    body_part_examined = models.CharField("Body Part Examined", max_length=16, blank=True)
    manufacturer = models.CharField("Manufacturer", max_length=LO_LENGTH, blank=True)
    station_name = models.CharField("Station Name", max_length=16, blank=True)
    number_of_series_related_instances = models.PositiveIntegerField(default=0)
    size_bytes = models.PositiveBigIntegerField(default=0)
    last_received_at = models.DateTimeField(default=timezone.now, help_text="When its latest instance came in.")
    completed_at = models.DateTimeField(null=True, blank=True, help_text="When it had been quiet long enough.")
    decided_at = models.DateTimeField(
        null=True, blank=True, help_text="When the rules of complete series had decided on it."
    )

    objects = SeenManager()
    seen_by = of_study("study")

    class Meta:
        verbose_name_plural = "series"
        ordering = ["pk"]
        constraints = [
            # By study too: devices that give one series UID to two studies must not mix patients.
            models.UniqueConstraint(fields=["study", "series_instance_uid"], name="series_once_in_study")
        ]
        indexes = [
            models.Index(fields=["series_instance_uid"], name="series_by_uid"),
            models.Index(fields=["modality"], name="series_by_modality"),  # which there are (studies.choices)
            models.Index(
                fields=["last_received_at"], name="series_incomplete", condition=Q(completed_at=None)
            ),  # the stability sweep
            models.Index(
                fields=["id"], name="series_undecided", condition=Q(decided_at=None, completed_at__isnull=False)
            ),  # routing's plan
        ]

    def __str__(self) -> str:
        return self.series_instance_uid


class Instance(models.Model):
    """One stored content of one SOP Instance. Holds no patient data itself; the file it points to does.

    A SOP Instance UID has as many rows as it came in with different bytes: all are kept and routed as they came. One is
    the primary one that queries count and show: the first, until somebody chooses another.
    """

    series = models.ForeignKey(Series, on_delete=models.CASCADE, related_name="instances")
    sop_instance_uid = models.CharField("SOP Instance UID", max_length=UID_LENGTH)
    is_primary = models.BooleanField(
        default=True, help_text="What queries count and show: the first content under this UID, or the one chosen."
    )
    sop_class_uid = models.CharField("SOP Class UID", max_length=UID_LENGTH)
    instance_number = models.CharField("Instance Number", max_length=16, blank=True)
    number_of_frames = models.PositiveIntegerField("Number of Frames", null=True, blank=True)
    rows = models.PositiveIntegerField("Rows", null=True, blank=True)
    columns = models.PositiveIntegerField("Columns", null=True, blank=True)

    transfer_syntax_uid = models.CharField("Transfer Syntax UID", max_length=UID_LENGTH)
    location = models.CharField(max_length=200, help_text="Name in the storage for DICOM files.")
    tier = models.CharField(
        max_length=8, choices=Tier, default=Tier.HOT, help_text="Where it is read from; on the hot tier, its file."
    )
    size_bytes = models.PositiveBigIntegerField(help_text="Of the whole file.")
    data_set_offset = models.PositiveIntegerField(help_text="Bytes before the data set.")
    sha256 = models.CharField("SHA-256 of the data set", max_length=64)
    head_crc32 = models.PositiveBigIntegerField(null=True, blank=True, help_text="Of what comes before the data set.")

    header_note = models.CharField(
        max_length=NOTE_LENGTH, blank=True, help_text="What in its header is odd and was read as well as it goes."
    )

    calling_ae_title = models.CharField("Sending AE title", max_length=AE_LENGTH, blank=True)
    called_ae_title = models.CharField("Called AE title", max_length=AE_LENGTH, blank=True)
    source_address = models.CharField(max_length=45, blank=True)
    fetched_from = models.CharField(
        max_length=64, blank=True, help_text="The source that Gantry asked for it; empty: it was sent here."
    )
    received_at = models.DateTimeField()
    indexed_at = models.DateTimeField(auto_now_add=True)
    planned_at = models.DateTimeField(null=True, blank=True, help_text="When the rules had decided on it.")

    objects = SeenManager()
    seen_by = of_study("series__study")

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["sop_instance_uid", "sha256"], name="instance_once_per_content"),
            models.UniqueConstraint(
                fields=["sop_instance_uid"], condition=Q(is_primary=True), name="instance_one_primary"
            ),
        ]
        indexes = [
            models.Index(fields=["id"], name="instance_unplanned", condition=Q(planned_at=None)),  # routing's plan
            models.Index(fields=["series"], name="instance_odd", condition=~Q(header_note="")),  # badges, their page
            models.Index(fields=["received_at"], name="instance_by_receipt"),  # received per hour, on the dashboard
            models.Index(fields=["series"], name="instance_not_hot", condition=~Q(tier="hot")),  # late arrivals
        ]

    def __str__(self) -> str:
        return self.sop_instance_uid


class StudyLabel(models.Model):
    """A word that a rule or a person gave to a study, for people and their lists. Holds no patient data."""

    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="labels")
    label = models.CharField(max_length=LO_LENGTH)
    given_by = models.CharField(
        max_length=USER_NAME_LENGTH, help_text="Name of the rule or the person that was the first to give it."
    )
    is_by_hand = models.BooleanField("given by hand", default=False, help_text="A person gave it, not a rule.")
    given_at = models.DateTimeField(default=timezone.now)

    objects = SeenManager()
    seen_by = of_study("study")

    class Meta:
        ordering = ["label"]
        constraints = [models.UniqueConstraint(fields=["study", "label"], name="study_label_once")]
        indexes = [models.Index(fields=["label"], name="study_label_by_label")]  # a list of all that have it

    def __str__(self) -> str:
        return self.label


class UnreadableFile(models.Model):
    """A file that no reader understands, kept as it is in the spool's ``odd`` folder. Holds no patient data."""

    name = models.CharField(max_length=64, unique=True, help_text="In the folder “odd” of the spool.")
    reason = models.CharField(max_length=NOTE_LENGTH)
    size_bytes = models.PositiveBigIntegerField()
    found_at = models.DateTimeField(auto_now_add=True)

    objects = SeenManager()
    seen_by = by_nobody  # of whose study it is nobody knows

    class Meta:
        ordering = ["-found_at", "-pk"]

    def __str__(self) -> str:
        return self.name
