from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0007_list_columns")]

    operations = [
        migrations.AddField(
            model_name="user",
            name="language",
            field=models.CharField(
                blank=True, default="", editable=False, help_text="Of the pages; empty: as the browser asks.", max_length=8
            ),
        ),
    ]
