"""What routing tells: signals that gateway.pipeline connects to the next stage."""

from django.dispatch import Signal

back_tests_due = Signal()  # carries pk; sent after commit
deliveries_due = Signal()  # carries destination_pk; sent after commit
# Sent within the transaction that records it; carries pks.
deliveries_died = Signal()  # deliveries that will not be tried again unless somebody says so
proofs_due = Signal()  # carries destination_pk
result_judged = Signal()  # the gate has judged a result of an AI worker; carries pk; sent within the transaction
ai_work_due = Signal()  # a request waits for a worker, or a result for its judgement; sent after commit
# Sent within the transaction that records the decision, so that what is asked for by them is recorded with it.
tier_wanted = Signal()  # a rule wants a study on a tier; carries study_pk, tier and the rule's name
priors_wanted = Signal()  # a rule wants a patient's earlier studies back; carries study_pk, count and the rule's name
