import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ('studies', '0012_the_study_lists_filters'),
    ]

    operations = [
        migrations.CreateModel(
            name='Batch',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('action', models.CharField(choices=[('send', 'Send to destinations'), ('replay', 'Send again'), ('move', 'Move to a tier'), ('label', 'Add a label'), ('unlabel', 'Remove a label')], max_length=8)),
                ('options', models.JSONField(blank=True, default=dict, help_text='Such as the destinations, by primary key.')),
                ('state', models.CharField(choices=[('draft', 'To be confirmed'), ('running', 'Under way'), ('done', 'Done')], default='draft', max_length=8)),
                ('matched', models.PositiveIntegerField(default=0, help_text='How many studies were asked for; a batch is bounded.')),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('started_at', models.DateTimeField(blank=True, null=True)),
                ('finished_at', models.DateTimeField(blank=True, null=True)),
                ('lease_until', models.DateTimeField(blank=True, editable=False, help_text='How long a worker has it.', null=True)),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='batches', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name_plural': 'batches',
                'ordering': ['-pk'],
                'indexes': [models.Index(condition=models.Q(('state', 'running')), fields=['id'], name='batch_running')],
            },
        ),
        migrations.CreateModel(
            name='BatchItem',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('state', models.CharField(choices=[('waiting', 'Waiting'), ('done', 'Done'), ('refused', 'Not done')], default='waiting', max_length=8)),
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('words', models.CharField(blank=True, help_text='What came of it.', max_length=400)),
                ('batch', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='items', to='batches.batch')),
                ('study', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='batch_items', to='studies.study')),
            ],
            options={
                'ordering': ['pk'],
                'indexes': [models.Index(fields=['batch', 'state'], name='batch_item_by_state')],
                'constraints': [models.UniqueConstraint(fields=('batch', 'study'), name='batch_item_once')],
            },
        ),
    ]
