"""ScrubRange: how far the hot files were read again; Damage: what was found not to be what was acknowledged."""

from django.db import models
from django.db.models import Q
from django.utils import timezone

from studies.models import Instance
from studies.sight import SeenManager, of_any
from tiering.models.copies import Pack


class ScrubRange(models.Model):
    """Progress over the hot files of instances whose keys are in one range of tiering.scrub.RANGE_KEYS.

    A row for a range, not a column of the instance: of 50 million instances each would be rewritten once a period,
    with its indexes, only to say that nothing has changed. These are 5,000 rows, and which is due is one short query.
    Packs are few and have the column.
    """

    number = models.PositiveBigIntegerField(unique=True, help_text="Its keys divided by the length of a range.")
    next_pk = models.PositiveBigIntegerField(
        null=True, blank=True, help_text="Where the pass that is under way goes on; empty: none is."
    )
    began_at = models.DateTimeField(null=True, blank=True, help_text="When the latest pass began.")
    verified_at = models.DateTimeField(
        null=True, blank=True, help_text="When the latest pass that came to its end began: all were read since."
    )

    class Meta:
        ordering = ["number"]

    def __str__(self) -> str:
        return f"range {self.number}"


class Damage(models.Model):
    """Something stored that was read back and was not what was acknowledged. Holds no patient data; stays as a record.

    A file of the hot store has an instance and no pack; a pack has no instance, but for those in it that are right
    nowhere, of which each has a row of its own.
    """

    instance = models.ForeignKey(Instance, on_delete=models.CASCADE, null=True, blank=True, related_name="damages")
    pack = models.ForeignKey(Pack, on_delete=models.SET_NULL, null=True, blank=True, related_name="damages")
    where = models.CharField(max_length=64, help_text="The hot store, or the name of the location.")
    name = models.CharField(max_length=400, help_text="Of the file or object.")
    what = models.CharField(max_length=400, help_text="What was found.")
    found_at = models.DateTimeField(default=timezone.now)
    tried_at = models.DateTimeField(default=timezone.now, help_text="When it was tried last to repair it.")
    repaired_at = models.DateTimeField(null=True, blank=True, help_text="Empty: it is damaged still.")
    note = models.CharField(max_length=400, blank=True, help_text="From what it was repaired, or why it was not.")

    objects = SeenManager()
    seen_by = of_any("instance__series__study", "pack__study")

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["instance"], condition=Q(repaired_at=None, pack=None), name="damage_open_of_file"
            ),
            models.UniqueConstraint(
                fields=["pack"], condition=Q(repaired_at=None, instance=None), name="damage_open_of_pack"
            ),
            models.UniqueConstraint(
                fields=["instance", "pack"], condition=Q(repaired_at=None), name="damage_open_in_pack"
            ),
        ]
        indexes = [
            models.Index(fields=["tried_at"], name="damage_open", condition=Q(repaired_at=None))  # repairs, alerts
        ]

    def __str__(self) -> str:
        return f"{self.name} in {self.where}"
