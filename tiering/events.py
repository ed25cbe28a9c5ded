"""What tiering tells: signals that gateway.pipeline connects to the next stage."""

from django.dispatch import Signal

moves_due = Signal()  # a move was asked for, or more are due; sent after commit, carries nothing
