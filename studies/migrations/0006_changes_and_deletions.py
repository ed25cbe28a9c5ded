import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


def begin_with_what_is_there(apps, schema_editor):
    """Whoever reads the feed from its beginning learns of the studies that came before there was one."""
    change = apps.get_model("studies", "Change")
    study = apps.get_model("studies", "Study")
    rows = study.objects.order_by("received_at", "pk").values_list(
        "study_instance_uid", "number_of_study_related_instances", "last_received_at", "completed_at"
    )
    fresh = []
    for uid, count, received_at, completed_at in rows.iterator(chunk_size=2000):
        fresh.append(change(kind="received", study_instance_uid=uid, number_of_instances=count, at=received_at))
        if completed_at is not None:
            fresh.append(change(kind="completed", study_instance_uid=uid, number_of_instances=count, at=completed_at))
        if len(fresh) >= 2000:
            change.objects.bulk_create(fresh)
            fresh = []
    change.objects.bulk_create(fresh)


class Migration(migrations.Migration):

    dependencies = [
        ('studies', '0005_completeness_and_labels'),
    ]

    operations = [
        migrations.CreateModel(
            name='Change',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('received', 'Instances received'), ('completed', 'Complete'), ('deleted', 'Deleted')], max_length=16)),
                ('study_instance_uid', models.CharField(max_length=64, verbose_name='Study Instance UID')),
                ('number_of_instances', models.PositiveIntegerField(help_text='Received or deleted by this event; all that the study has, when it is complete.')),
                ('at', models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                'ordering': ['pk'],
            },
        ),
        migrations.CreateModel(
            name='Deletion',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('study_instance_uid', models.CharField(max_length=64, verbose_name='Study Instance UID')),
                ('series_instance_uid', models.CharField(blank=True, help_text='Empty: the whole study.', max_length=64, verbose_name='Series Instance UID')),
                ('sop_instance_uid', models.CharField(blank=True, help_text='Empty: the whole series or study.', max_length=64, verbose_name='SOP Instance UID')),
                ('number_of_instances', models.PositiveIntegerField()),
                ('series_pks', models.JSONField(default=list, help_text='Keys of the series, whose kept metadata goes too.')),
                ('requested_by', models.CharField(help_text='Name of the user or API key.', max_length=150)),
                ('requested_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('done_at', models.DateTimeField(blank=True, help_text='When the last of its files was removed.', null=True)),
            ],
            options={
                'ordering': ['-pk'],
                'indexes': [models.Index(condition=models.Q(('done_at', None)), fields=['id'], name='deletion_open')],
            },
        ),
        migrations.CreateModel(
            name='DeletedFile',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('location', models.CharField(help_text='Name in the storage for DICOM files.', max_length=200)),
                ('deletion', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='files', to='studies.deletion')),
            ],
        ),
        migrations.RunPython(begin_with_what_is_there, migrations.RunPython.noop),
    ]
