"""What routing tells: signals that gateway.pipeline connects to the next stage."""

from django.dispatch import Signal

back_tests_due = Signal()  # carries pk; sent after commit
deliveries_due = Signal()  # carries destination_pk; sent after commit
proofs_due = Signal()  # carries destination_pk
ai_work_due = Signal()  # a request waits for a worker, or a result for its judgement; sent after commit
