"""What test studies tell: a signal that gateway.pipeline connects to their worker."""

from django.dispatch import Signal

samples_due = Signal()  # a test study waits to be sent; sent after commit, carries nothing
