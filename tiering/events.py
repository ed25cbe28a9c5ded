"""What tiering tells: signals that gateway.pipeline connects to the next stage."""

from django.dispatch import Signal

# Sent within the transaction that switches the tier; carries study_instance_uid, from_tier, to_tier and reason.
study_moved = Signal()
moves_due = Signal()  # a move was asked for, or more are due; sent after commit, carries nothing
