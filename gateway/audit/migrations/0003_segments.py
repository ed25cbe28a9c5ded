import django.db.models.deletion
from django.db import migrations, models

from gateway.audit import guard


def make_triggers(apps, schema_editor):
    guard.guard(schema_editor.connection)


def remove_triggers(apps, schema_editor):
    guard.unguard(schema_editor.connection)


class Migration(migrations.Migration):

    dependencies = [
        ('audit', '0002_told_by_syslog'),
    ]

    operations = [
        migrations.AlterField(
            model_name='auditrecord',
            name='action',
            field=models.CharField(choices=[('sign-in', 'Signed in'), ('sign-in-failed', 'Sign-in failed'), ('sign-out', 'Signed out'), ('refused', 'Refused'), ('created', 'Setting created'), ('changed', 'Setting changed'), ('removed', 'Setting deleted'), ('accessed', 'Looked at'), ('exported', 'Downloaded'), ('queried', 'Searched'), ('received', 'Received'), ('sent', 'Sent'), ('deleted', 'Deleted'), ('audit-used', 'Audit trail read'), ('audit-exported', 'Audit trail exported'), ('audit-verified', 'Audit trail verified'), ('audit-archived', 'Audit trail archived')], max_length=20),
        ),
        migrations.CreateModel(
            name='Segment',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('first_sequence', models.BigIntegerField()),
                ('last_sequence', models.BigIntegerField()),
                ('first_at', models.DateTimeField(help_text='Of its earliest record.')),
                ('last_at', models.DateTimeField(help_text='Of its latest record.')),
                ('previous', models.CharField(blank=True, help_text='The hash of the record before.', max_length=64)),
                ('head', models.CharField(help_text='The hash of its last record.', max_length=64)),
                ('file', models.CharField(help_text='Its name in the folder of the archive.', max_length=100)),
                ('sha256', models.CharField(help_text='Of the file.', max_length=64)),
                ('key_id', models.CharField(max_length=8)),
                ('signature', models.CharField(help_text='HMAC-SHA-256 of all other columns.', max_length=64)),
                ('chain', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='segments', to='audit.chain')),
            ],
            options={
                'ordering': ['chain', 'first_sequence'],
                'constraints': [models.UniqueConstraint(fields=('chain', 'first_sequence'), name='audit_segment_in_chain'), models.CheckConstraint(condition=models.Q(('last_sequence__gte', models.F('first_sequence'))), name='audit_segment_has_records')],
            },
        ),
        # Those of the records allow one way out now, which asks the new table.
        migrations.RunPython(make_triggers, remove_triggers, elidable=False),
    ]
