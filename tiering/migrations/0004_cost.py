import django.core.validators
import django.db.models.deletion
from django.db import migrations, models


def say_why(apps, schema_editor):
    """Of moves that were asked for before there was a column for it; all others count as asked for by a person."""
    Move = apps.get_model("tiering", "Move")
    Move.objects.filter(policy__isnull=False).update(reason="policy")
    Move.objects.filter(requested_by="late arrivals").update(reason="late")
    Move.objects.filter(requested_by__startswith="rule ").update(reason="rule")
    Move.objects.filter(to_tier="hot", priority=1, reason="person").update(reason="reading")


class Migration(migrations.Migration):

    dependencies = [
        ('studies', '0007_tiers'),
        ('tiering', '0003_scrub'),
    ]

    operations = [
        migrations.CreateModel(
            name='LocationSlot',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveSmallIntegerField()),
                ('lease_token', models.CharField(help_text='Of the move, when it took the place.', max_length=32)),
            ],
            options={
                'ordering': ['location', 'number'],
            },
        ),
        migrations.CreateModel(
            name='TierSample',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('on', models.DateField(help_text="A day of the site's time zone.")),
                ('what', models.CharField(choices=[('tier', 'Tier'), ('location', 'Location'), ('source', 'Source'), ('policy', 'Policy')], max_length=8)),
                ('key', models.CharField(blank=True, help_text='Of the tier, location, source or policy.', max_length=64)),
                ('studies', models.PositiveIntegerField(default=0)),
                ('number_of_objects', models.PositiveBigIntegerField(default=0, help_text='Packs in a location, else instances.')),
                ('size_bytes', models.PositiveBigIntegerField(default=0)),
                ('used_bytes', models.PositiveBigIntegerField(blank=True, help_text="Of the whole disk or capacity, with what is not Gantry's; empty: not known.", null=True)),
                ('per_month', models.DecimalField(decimal_places=5, default=0, help_text='What it cost a month that day; of a policy: what it saved.', max_digits=18)),
            ],
            options={
                'ordering': ['-on', 'what', 'key'],
            },
        ),
        migrations.AddField(
            model_name='location',
            name='max_parallel',
            field=models.PositiveSmallIntegerField(blank=True, help_text='At most so many moves read or write there at the same time; empty: no limit.', null=True, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(1000)], verbose_name='moves at once'),
        ),
        migrations.AddField(
            model_name='move',
            name='reason',
            field=models.CharField(choices=[('person', 'Somebody asked for it'), ('reading', 'Somebody read the study'), ('rule', 'A rule says so'), ('policy', 'A policy says so'), ('late', 'Instances came in late'), ('cache', 'It had been brought back, and was not read for a while')], default='person', max_length=8),
        ),
        migrations.AddIndex(
            model_name='move',
            index=models.Index(condition=models.Q(('state', 'done'), ('to_tier', 'hot')), fields=['-finished_at'], name='move_recalled'),
        ),
        migrations.AddField(
            model_name='locationslot',
            name='location',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='slots', to='tiering.location'),
        ),
        migrations.AddField(
            model_name='locationslot',
            name='move',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='slots', to='tiering.move'),
        ),
        migrations.AddConstraint(
            model_name='tiersample',
            constraint=models.UniqueConstraint(fields=('on', 'what', 'key'), name='sample_once_a_day'),
        ),
        migrations.AddConstraint(
            model_name='locationslot',
            constraint=models.UniqueConstraint(fields=('location', 'number'), name='slot_once_in_location'),
        ),
        migrations.RunPython(say_why, migrations.RunPython.noop, elidable=True),
    ]
