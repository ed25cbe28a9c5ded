"""What webhooks tell: the signal that gateway.pipeline connects to the next stage."""

from django.dispatch import Signal

webhooks_due = Signal()  # messages of a webhook are to be sent; carries its pk; sent after commit
