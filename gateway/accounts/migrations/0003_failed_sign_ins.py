from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0002_api_keys'),
    ]

    operations = [
        migrations.CreateModel(
            name='FailedSignIn',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('username', models.CharField(help_text='As it was typed, in small letters; there may be no such user.', max_length=150)),
                ('address', models.CharField(max_length=45)),
                ('attempts', models.PositiveIntegerField(default=0, help_text='With those that are looked at in this moment.')),
                ('tried_at', models.DateTimeField(db_index=True)),
                ('locked_until', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'verbose_name': 'failed sign-in',
                'constraints': [models.UniqueConstraint(fields=('username', 'address'), name='one_count_per_name_and_address')],
            },
        ),
    ]
