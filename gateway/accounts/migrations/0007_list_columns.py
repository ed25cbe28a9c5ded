from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0006_second_factor'),
    ]

    operations = [
        migrations.AddField(
            model_name='user',
            name='list_columns',
            field=models.JSONField(blank=True, default=dict, editable=False, help_text='Columns that the person chose, by list.'),
        ),
    ]
