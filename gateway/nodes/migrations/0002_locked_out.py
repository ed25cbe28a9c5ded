from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('nodes', '0001_nodes'),
    ]

    operations = [
        migrations.AlterField(
            model_name='systemevent',
            name='kind',
            field=models.CharField(choices=[('started', 'Started'), ('stopped', 'Stopped'), ('ended', 'Ended by itself'), ('light_bad', 'Went down'), ('light_ok', 'Came back'), ('locked_out', 'Locked out')], max_length=16),
        ),
    ]
