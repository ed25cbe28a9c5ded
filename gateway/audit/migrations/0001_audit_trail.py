import django.db.models.deletion
from django.db import migrations, models

from gateway.audit import guard


def make_triggers(apps, schema_editor):
    guard.guard(schema_editor.connection)


def remove_triggers(apps, schema_editor):
    guard.unguard(schema_editor.connection)


ACTIONS = [
    ("sign-in", "Signed in"),
    ("sign-in-failed", "Sign-in failed"),
    ("sign-out", "Signed out"),
    ("refused", "Refused"),
    ("created", "Setting created"),
    ("changed", "Setting changed"),
    ("removed", "Setting deleted"),
    ("accessed", "Looked at"),
    ("exported", "Downloaded"),
    ("queried", "Searched"),
    ("received", "Received"),
    ("sent", "Sent"),
    ("deleted", "Deleted"),
    ("audit-used", "Audit trail read"),
    ("audit-exported", "Audit trail exported"),
    ("audit-verified", "Audit trail verified"),
]
KINDS = [("person", "Person"), ("key", "API key"), ("device", "Device"), ("system", "Gantry itself")]


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Chain",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("length", models.BigIntegerField(default=0, help_text="Records that the chain has.")),
                ("head", models.CharField(blank=True, help_text="The hash of the last one.", max_length=64)),
            ],
        ),
        migrations.CreateModel(
            name="TakenJournal",
            fields=[("name", models.CharField(max_length=64, primary_key=True, serialize=False))],
        ),
        migrations.CreateModel(
            name="Verification",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("began_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField()),
                ("asked_by", models.CharField(max_length=150)),
                ("records", models.BigIntegerField(help_text="Records that were looked at.")),
                ("faults", models.BigIntegerField(help_text="What is wrong, counted.")),
                ("findings", models.JSONField(default=list, help_text="The first of what is wrong, in words.")),
            ],
            options={"ordering": ["-pk"]},
        ),
        migrations.CreateModel(
            name="AuditRecord",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("sequence", models.BigIntegerField(help_text="Place in the chain, from 1.")),
                ("at", models.DateTimeField()),
                ("action", models.CharField(choices=ACTIONS, max_length=20)),
                ("actor", models.CharField(blank=True, max_length=150)),
                ("actor_kind", models.CharField(choices=KINDS, max_length=8)),
                ("address", models.CharField(blank=True, help_text="From where.", max_length=64)),
                ("patient_id", models.CharField(blank=True, max_length=64, verbose_name="Patient ID")),
                ("study_instance_uid", models.CharField(blank=True, max_length=64, verbose_name="Study Instance UID")),
                ("subject", models.CharField(blank=True, help_text="What else it was done to.", max_length=200)),
                ("number", models.BigIntegerField(default=0, help_text="Instances.")),
                (
                    "detail",
                    models.TextField(default="{}", help_text="What else is known, as JSON in its canonical form."),
                ),
                ("key_id", models.CharField(help_text="Which of the keys made the hash.", max_length=8)),
                ("previous", models.CharField(blank=True, help_text="The hash of the record before.", max_length=64)),
                ("hash", models.CharField(help_text="HMAC-SHA-256 of the canonical form.", max_length=64)),
                (
                    "chain",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="records",
                        to="audit.chain",
                    ),
                ),
            ],
            options={
                "ordering": ["-pk"],
                "indexes": [
                    models.Index(fields=["at"], name="audit_by_time"),
                    models.Index(fields=["actor", "id"], name="audit_by_actor"),
                    models.Index(
                        condition=models.Q(("patient_id", ""), _negated=True),
                        fields=["patient_id", "id"],
                        name="audit_by_patient",
                    ),
                    models.Index(
                        condition=models.Q(("study_instance_uid", ""), _negated=True),
                        fields=["study_instance_uid", "id"],
                        name="audit_by_study",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("chain", "sequence"), name="audit_place_in_chain"),
                ],
            },
        ),
        migrations.RunPython(make_triggers, remove_triggers, elidable=False),
    ]
