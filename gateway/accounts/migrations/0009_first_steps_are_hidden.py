from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0008_language'),
    ]

    operations = [
        migrations.AddField(
            model_name='user',
            name='hides_first_steps',
            field=models.BooleanField(default=False, editable=False, help_text='The person closed the checklist of the dashboard.'),
        ),
    ]
