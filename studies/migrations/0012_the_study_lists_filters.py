from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('studies', '0011_text_by_trigrams'),
    ]

    operations = [
        migrations.AlterField(
            model_name='studylabel',
            name='given_by',
            field=models.CharField(help_text='Name of the rule or the person that was the first to give it.', max_length=150),
        ),
        migrations.AddField(
            model_name='studylabel',
            name='is_by_hand',
            field=models.BooleanField(default=False, help_text='A person gave it, not a rule.', verbose_name='given by hand'),
        ),
        migrations.AddIndex(
            model_name='study',
            index=models.Index(fields=['calling_ae_title', '-received_at', '-id'], name='study_by_sender_newest'),
        ),
        migrations.AddIndex(
            model_name='study',
            index=models.Index(fields=['tier', '-received_at', '-id'], name='study_by_tier_newest'),
        ),
    ]
