"""What the archive tells: signals that gateway.pipeline connects to the next stage."""

from django.dispatch import Signal

instances_indexed = Signal()  # new rows that no rule has seen yet; sent after commit, carries nothing
