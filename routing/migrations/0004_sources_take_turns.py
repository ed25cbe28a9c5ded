"""Deliveries know their source, so that sources can take turns in a lane."""

from typing import Any

from django.db import migrations, models
from django.db.models import OuterRef, Q, Subquery


def name_sources(apps: Any, schema_editor: Any) -> None:
    """What is finished needs no turn any more, and is by far the most."""
    instances = apps.get_model("studies", "Instance").objects.filter(pk=OuterRef("instance_id"))
    unfinished = apps.get_model("routing", "Delivery").objects.exclude(state__in=["delivered", "confirmed"])
    unfinished.update(calling_ae_title=Subquery(instances.values("calling_ae_title")[:1]))


class Migration(migrations.Migration):
    """A column that repeats the instance's, and the claim's index over it."""

    dependencies = [("routing", "0003_rules_and_deliveries_in_full")]

    operations = [
        migrations.AddField(
            "delivery",
            "calling_ae_title",
            models.CharField(
                blank=True,
                default="",
                help_text="Who sent the instance: sources take turns.",
                max_length=16,
                verbose_name="calling AE title",
            ),
        ),
        migrations.RunPython(name_sources, migrations.RunPython.noop),
        migrations.RemoveIndex("delivery", "delivery_due"),
        migrations.AddIndex(
            "delivery",
            models.Index(
                condition=Q(state="pending"),
                fields=["destination", "priority", "calling_ae_title", "next_attempt_at", "id"],
                name="delivery_turns",
            ),
        ),
    ]
