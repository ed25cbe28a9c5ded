import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('audit', '0001_audit_trail'),
    ]

    operations = [
        migrations.CreateModel(
            name='Teller',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('lease_token', models.CharField(blank=True, default='', max_length=32)),
                ('lease_until', models.DateTimeField(help_text='How long a worker has it.', null=True)),
                ('failures', models.PositiveIntegerField(default=0, help_text='Since it last went well.')),
                ('next_attempt_at', models.DateTimeField(help_text='Not before; empty: at once.', null=True)),
                ('told_at', models.DateTimeField(help_text='When it last went well.', null=True)),
                ('words', models.CharField(blank=True, default='', help_text='What went wrong last.', max_length=200)),
            ],
        ),
        migrations.CreateModel(
            name='Told',
            fields=[
                ('chain', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='told', serialize=False, to='audit.chain')),
                ('sequence', models.BigIntegerField(help_text='The last record that it has.')),
            ],
        ),
    ]
