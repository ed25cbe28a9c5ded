"""An index for text anywhere in a column, on PostgreSQL that has pg_trgm; without it such a search reads every row."""

from django.db import DatabaseError, migrations, transaction

COLUMNS = ("patient_name", "patient_id", "accession_number", "study_description", "study_instance_uid")


def add(apps, schema_editor):
    if schema_editor.connection.vendor != "postgresql":
        return
    try:
        with transaction.atomic(using=schema_editor.connection.alias):
            schema_editor.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    except DatabaseError:
        return  # not installed, or only an administrator may (docs/administration.md)
    # The expression is that of the lookup (studies.lookups).
    columns = ", ".join(f"UPPER({column}::text) gin_trgm_ops" for column in COLUMNS)
    schema_editor.execute(f"CREATE INDEX IF NOT EXISTS study_by_text ON studies_study USING gin ({columns})")


def remove(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("DROP INDEX IF EXISTS study_by_text")


class Migration(migrations.Migration):

    dependencies = [
        ("studies", "0010_lists_at_scale"),
    ]

    operations = [migrations.RunPython(add, remove)]
