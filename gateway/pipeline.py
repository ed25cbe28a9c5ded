"""The journey of an instance, stage by stage: the only signal receivers, each of which rings a bell or asks for a move.

received -> index_spool -> plan -> deliver -> prove; what is complete is planned once more, for the rules that wait for
it. Beside it, for a device that wants proof, verify -> report; for AI workers, plan -> ask -> judge -> deliver; and for
what is to be stored elsewhere, or is wanted back, move. The first bells, for a file in the spool and for a request in
the table, are rung by the listener (studies.doorbell). A bell that is not heard costs seconds: beat rings all of them.

Every process has these receivers, and most run none of the stages: a stage is loaded when its bell is first rung.
"""

from collections.abc import Collection
from typing import Any

from django.db import transaction
from django.dispatch import receiver

from gateway.batches.events import batches_due
from gateway.samples.events import samples_due
from gateway.webhooks.events import webhooks_due
from routing.events import (
    ai_work_due,
    back_tests_due,
    deliveries_died,
    deliveries_due,
    priors_wanted,
    proofs_due,
    result_judged,
    tier_wanted,
)
from spanner.events import fetches_due
from studies.doorbell import ring
from studies.events import commitments_due, instances_indexed, series_wanted, studies_completed
from tiering.events import moves_due, study_moved


@receiver(instances_indexed)
def plan_what_is_indexed(**kwargs: Any) -> None:
    """New instances: ask the rules."""
    from routing.tasks import plan

    ring(plan)


@receiver(studies_completed)
def plan_what_is_complete(**kwargs: Any) -> None:
    """Quiet series and studies: ask their rules."""
    from routing.tasks import plan

    ring(plan)


@receiver(studies_completed)
def prepare_what_is_complete(**kwargs: Any) -> None:
    """Quiet series: have their metadata ready before a viewer asks for it."""
    from studies.tasks import prepare_metadata

    ring(prepare_metadata)


@receiver(deliveries_due)
def deliver_what_is_planned(destination_pk: int, **kwargs: Any) -> None:
    """New deliveries: wake the destination's lane."""
    from routing.tasks import deliver

    ring(deliver, destination_pk)


@receiver(proofs_due)
def prove_what_is_delivered(destination_pk: int, **kwargs: Any) -> None:
    """What a destination took is to be proven: ask it."""
    from routing.proof.tasks import prove_destination

    ring(prove_destination, destination_pk)


@receiver(commitments_due)
def report_what_is_verified(calling_ae_title: str, **kwargs: Any) -> None:
    """The verdict on a storage commitment stands: tell the device."""
    from studies.tasks import report_commitments

    ring(report_commitments, calling_ae_title)


@receiver(ai_work_due)
def ask_and_judge(**kwargs: Any) -> None:
    """A request waits for an AI worker, or a result for its judgement."""
    from routing.ai.tasks import work as work_with_ai

    ring(work_with_ai)


@receiver(back_tests_due)
def go_on_with_a_back_test(pk: int, **kwargs: Any) -> None:
    """A draft is to be judged on stored history: the next turn of it."""
    from routing.tasks import back_test

    ring(back_test, pk)


@receiver(series_wanted)
def recall_what_is_wanted(series_pks: Collection[int], asked_by: str, **kwargs: Any) -> float:
    """Somebody wants to read what is on a slower tier: have it brought back; in how many seconds that begins."""
    from tiering.ask import recall
    from tiering.forecast import restored_in_seconds

    moves = recall(series_pks, by=asked_by)
    if moves:
        moves_due.send(None)
    return max(map(restored_in_seconds, moves), default=0)


@receiver(tier_wanted)
def move_what_a_rule_names(study_pk: int, tier: str, rule: str, **kwargs: Any) -> None:
    """A rule wants a study on a tier: have it moved."""
    from tiering.ask import ask_by_rule

    if ask_by_rule(study_pk, tier, rule=rule):
        transaction.on_commit(lambda: moves_due.send(None))


@receiver(priors_wanted)
def recall_earlier_studies(study_pk: int, count: int, rule: str, **kwargs: Any) -> None:
    """A rule wants a patient's earlier studies at hand: have those that are away brought back."""
    from tiering.ask import recall_priors

    if recall_priors(study_pk, count, rule=rule):
        transaction.on_commit(lambda: moves_due.send(None))


@receiver(priors_wanted)
def fetch_earlier_studies(study_pk: int, count: int, rule: str, **kwargs: Any) -> None:
    """A rule wants a patient's earlier studies at hand: have those that only other archives have looked for."""
    from spanner.tasks import fetch_priors

    transaction.on_commit(lambda: ring(fetch_priors, study_pk, count, rule))


@receiver(fetches_due)
def fetch_what_is_asked_for(**kwargs: Any) -> None:
    """Studies are to be brought from other archives."""
    from spanner.tasks import fetch_studies

    ring(fetch_studies)


@receiver(moves_due)
def carry_out_what_is_asked_for(**kwargs: Any) -> None:
    """Moves between tiers are due."""
    from tiering.tasks import carry_out_moves

    ring(carry_out_moves)


@receiver(batches_due)
def do_what_was_chosen(**kwargs: Any) -> None:
    """An action on many studies waits: do it, study by study."""
    from gateway.batches.tasks import carry_out_batches

    ring(carry_out_batches)


@receiver(samples_due)
def send_the_test_study(**kwargs: Any) -> None:
    """Somebody asked for a test study."""
    from gateway.samples.tasks import send_samples

    ring(send_samples)


@receiver(webhooks_due)
def send_to_a_webhook(pk: int, **kwargs: Any) -> None:
    """Messages of a webhook are due."""
    from gateway.webhooks.tasks import send_messages

    ring(send_messages, pk)


@receiver(deliveries_died)
def tell_of_deliveries(pks: Collection[int], **kwargs: Any) -> None:
    """Deliveries failed for good: who wants to know is told."""
    from gateway.webhooks import tell

    tell.deliveries_died(pks)


@receiver(result_judged)
def tell_of_a_result(pk: int, **kwargs: Any) -> None:
    """A result of an AI worker was judged: who wants to know is told."""
    from gateway.webhooks import tell

    tell.result_judged(pk)


@receiver(study_moved)
def tell_of_a_move(study_instance_uid: str, from_tier: str, to_tier: str, reason: str, **kwargs: Any) -> None:
    """A study is read from another tier: who wants to know is told."""
    from gateway.webhooks import tell

    tell.study_moved(study_instance_uid, from_tier, to_tier, reason)
