"""What federated search tells: signals that gateway.pipeline connects to the next stage."""

from django.dispatch import Signal

fetches_due = Signal()  # a study is to be brought here, or more are due; sent after commit, carries nothing
