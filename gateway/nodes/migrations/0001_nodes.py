import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Node",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "name",
                    models.CharField(help_text="GANTRY_NODE_NAME, else the machine's name.", max_length=64, unique=True),
                ),
                ("version", models.CharField(blank=True, max_length=32)),
                ("seen_at", models.DateTimeField(help_text="By the database's clock.", null=True)),
                ("booted_at", models.DateTimeField(null=True)),
                ("cpu_count", models.PositiveIntegerField(default=0)),
                ("cpu_percent", models.FloatField(default=0)),
                ("load_average", models.FloatField(default=0, help_text="Of the last minute.")),
                ("memory_total_bytes", models.BigIntegerField(default=0)),
                ("memory_used_bytes", models.BigIntegerField(default=0)),
                (
                    "disks",
                    models.JSONField(
                        default=list,
                        help_text="Each file system: label, path, total_bytes, free_bytes, used_percent.",
                    ),
                ),
            ],
            options={"ordering": ["name"]},
        ),
        migrations.CreateModel(
            name="SystemEvent",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField(help_text="By the host's clock.")),
                ("node", models.CharField(max_length=64)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("started", "Started"),
                            ("stopped", "Stopped"),
                            ("ended", "Ended by itself"),
                            ("light_bad", "Went down"),
                            ("light_ok", "Came back"),
                        ],
                        max_length=16,
                    ),
                ),
                ("subject", models.CharField(help_text="The process, or the light.", max_length=64)),
                ("words", models.CharField(blank=True, max_length=500)),
            ],
            options={
                "ordering": ["-at", "-pk"],
                "constraints": [
                    models.UniqueConstraint(fields=("at", "node", "kind", "subject"), name="event_once"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Process",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("web", "Web"),
                            ("scp", "Scp"),
                            ("worker", "Worker"),
                            ("beat", "Beat"),
                            ("supervisor", "Supervisor"),
                        ],
                        max_length=16,
                    ),
                ),
                (
                    "name",
                    models.CharField(
                        help_text="The kind, of a worker with what it works on: worker-index.", max_length=64
                    ),
                ),
                ("pid", models.PositiveIntegerField()),
                ("version", models.CharField(max_length=32)),
                ("commit", models.CharField(blank=True, help_text="Empty where Gantry is no checkout.", max_length=12)),
                ("started_at", models.DateTimeField(help_text="By the host's clock.")),
                ("appeared_at", models.DateTimeField(help_text="When it first wrote, by the database's clock.")),
                ("seen_at", models.DateTimeField(help_text="When it last wrote, by the database's clock.")),
                ("stopped_at", models.DateTimeField(help_text="It ended as it was asked to.", null=True)),
                (
                    "load",
                    models.PositiveIntegerField(
                        help_text="Connections of web and scp, running tasks of workers.", null=True
                    ),
                ),
                ("rss_bytes", models.BigIntegerField(default=0)),
                (
                    "node",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="processes", to="nodes.node"
                    ),
                ),
            ],
            options={
                "ordering": ["node", "kind", "name", "pk"],
                "indexes": [models.Index(fields=["-seen_at"], name="process_seen")],
            },
        ),
    ]
