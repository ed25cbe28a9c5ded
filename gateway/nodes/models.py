"""Rows about hosts and processes; no patient data is among them."""

from django.db import models
from django.utils.translation import gettext_lazy as _

LONGEST_WORDS = 500


class Node(models.Model):
    """A host on which processes of Gantry run, as one of them last measured it."""

    name = models.CharField(max_length=64, unique=True, help_text="GANTRY_NODE_NAME, else the machine's name.")
    version = models.CharField(max_length=32, blank=True)
    seen_at = models.DateTimeField(null=True, help_text="By the database's clock.")
    booted_at = models.DateTimeField(null=True)
    cpu_count = models.PositiveIntegerField(default=0)
    cpu_percent = models.FloatField(default=0)
    load_average = models.FloatField(default=0, help_text="Of the last minute.")
    memory_total_bytes = models.BigIntegerField(default=0)
    memory_used_bytes = models.BigIntegerField(default=0)
    disks = models.JSONField(
        default=list,
        help_text="Each file system: label, path, total_bytes, free_bytes, used_percent.",
    )

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Kind(models.TextChoices):
    """What a process is for."""

    WEB = "web"
    SCP = "scp"
    WORKER = "worker"
    BEAT = "beat"
    SUPERVISOR = "supervisor"


class Process(models.Model):
    """One run of one process; one that is started again is another row."""

    node = models.ForeignKey(Node, on_delete=models.CASCADE, related_name="processes")
    kind = models.CharField(max_length=16, choices=Kind.choices)
    name = models.CharField(max_length=64, help_text="The kind, of a worker with what it works on: worker-index.")
    pid = models.PositiveIntegerField()
    version = models.CharField(max_length=32)
    commit = models.CharField(max_length=12, blank=True, help_text="Empty where Gantry is no checkout.")
    started_at = models.DateTimeField(help_text="By the host's clock.")
    appeared_at = models.DateTimeField(help_text="When it first wrote, by the database's clock.")
    seen_at = models.DateTimeField(help_text="When it last wrote, by the database's clock.")
    stopped_at = models.DateTimeField(null=True, help_text="It ended as it was asked to.")
    load = models.PositiveIntegerField(null=True, help_text="Connections of web and scp, running tasks of workers.")
    rss_bytes = models.BigIntegerField(default=0)

    class Meta:
        ordering = ["node", "kind", "name", "pk"]
        indexes = [
            models.Index(fields=["-seen_at"], name="process_seen"),  # the page, and what is cleared
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.pid})"


class EventKind(models.TextChoices):
    """What can happen to a system."""

    STARTED = "started", _("Started")
    STOPPED = "stopped", _("Stopped")
    ENDED = "ended", _("Ended by itself")
    LIGHT_BAD = "light_bad", _("Went down")
    LIGHT_OK = "light_ok", _("Came back")
    LOCKED_OUT = "locked_out", _("Locked out")


class SystemEvent(models.Model):
    """Something that happened to a process or to what Gantry depends on; the newest ten thousand are kept."""

    at = models.DateTimeField(help_text="By the host's clock.")
    node = models.CharField(max_length=64)
    kind = models.CharField(max_length=16, choices=EventKind.choices)
    subject = models.CharField(max_length=64, help_text="The process, or the light.")
    words = models.CharField(max_length=LONGEST_WORDS, blank=True)

    class Meta:
        ordering = ["-at", "-pk"]
        constraints = [
            # What is carried twice into the database is one event.
            models.UniqueConstraint(fields=["at", "node", "kind", "subject"], name="event_once"),
        ]

    def __str__(self) -> str:
        return f"{self.subject} {self.get_kind_display()}"
