from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('studies', '0009_instance_head_crc32'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='series',
            index=models.Index(fields=['modality'], name='series_by_modality'),
        ),
        migrations.AddIndex(
            model_name='study',
            index=models.Index(fields=['patient_name', 'id'], name='study_by_name'),
        ),
        migrations.AddIndex(
            model_name='study',
            index=models.Index(fields=['patient_birth_date', 'id'], name='study_by_birth_date'),
        ),
        migrations.AddIndex(
            model_name='study',
            index=models.Index(fields=['study_description', 'id'], name='study_by_description'),
        ),
        migrations.AddIndex(
            model_name='study',
            index=models.Index(fields=['number_of_study_related_instances', 'id'], name='study_by_instances'),
        ),
        migrations.AddIndex(
            model_name='study',
            index=models.Index(fields=['size_bytes', 'id'], name='study_by_size'),
        ),
        migrations.AddIndex(
            model_name='study',
            index=models.Index(fields=['calling_ae_title', 'id'], name='study_by_sender'),
        ),
        migrations.AddIndex(
            model_name='study',
            index=models.Index(fields=['last_received_at', 'id'], name='study_by_last_receipt'),
        ),
        migrations.AddIndex(
            model_name='study',
            index=models.Index(fields=['study_date', 'modalities_in_study', 'received_at', 'id'], name='study_by_date_modality'),
        ),
        migrations.AddIndex(
            model_name='study',
            index=models.Index(fields=['-received_at', '-id', 'patient_name'], name='study_newest_named'),
        ),
    ]
