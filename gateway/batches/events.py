"""What batches tell: a signal that gateway.pipeline connects to their worker."""

from django.dispatch import Signal

batches_due = Signal()  # studies of a batch wait to be done; sent after commit, carries nothing
