"""Every page of the portal, with rows that all of them show."""

from dataclasses import dataclass

from dicomnet.models import RemoteNode
from routing.models import AIWorker, BackTest, Delivery, RuleVersion
from studies.models import Commitment, Study
from tests.factories import (
    AIRequestFactory,
    AIResultFactory,
    AIWorkerFactory,
    AllowlistEntryFactory,
    BackTestFactory,
    CommitmentFactory,
    ConflictFactory,
    DamageFactory,
    DeliveryFactory,
    IdentityClashFactory,
    LocationFactory,
    MoveFactory,
    PackFactory,
    PolicyFactory,
    RemoteNodeFactory,
    RuleVersionFactory,
    ShadowMatchFactory,
    TierChangeFactory,
    TierSampleFactory,
)
from tiering.models import Location, Move, Policy


@dataclass(frozen=True)
class Rows:
    """What was made, for the addresses that name one of them."""

    study: Study
    delivery: Delivery
    node: RemoteNode
    commitment: Commitment
    ai_worker: AIWorker
    back_test: BackTest
    location: Location
    policy: Policy
    move: Move

    def addresses(self) -> dict[str, str]:
        """Addresses of all pages by name."""
        series = self.delivery.instance.series
        study = f"/studies/{self.study.study_instance_uid}/"
        version = self.delivery.rule_version
        rule = version.rule_id if version else 0
        return {
            "dashboard": "/",
            "studies": "/studies/",
            "study": study,
            "series": f"{study}series/{series.series_instance_uid}/",
            "trace": f"{study}trace/",
            "receipt": f"{study}receipt/",
            "deliveries": "/deliveries/?tab=all",
            "delivery": f"/deliveries/{self.delivery.pk}/",
            "destinations": "/destinations/",
            "destination-form": f"/destinations/{self.delivery.destination_id}/",
            "destination-delete": f"/destinations/{self.delivery.destination_id}/delete/",
            "rules": "/rules/",
            "rule": f"/rules/{rule}/",
            "rule-form": f"/rules/{rule}/edit/",
            "rule-delete": f"/rules/{rule}/delete/",
            "rule-try": "/rules/try/",
            "rule-compare": f"/rules/{rule}/compare/",
            "rule-shadow": f"/rules/{rule}/shadow/",
            "back-tests": "/rules/back-tests/",
            "back-test": f"/rules/back-tests/{self.back_test.pk}/?outcome=all",
            "allowlist": "/allowlist/",
            "allowlist-form": "/allowlist/new/",
            "remote-nodes": "/remote-nodes/",
            "remote-node-form": f"/remote-nodes/{self.node.pk}/",
            "remote-node-delete": f"/remote-nodes/{self.node.pk}/delete/",
            "commitments": "/commitments/",
            "commitment": f"/commitments/{self.commitment.pk}/",
            "conflicts": "/conflicts/",
            "odd": "/odd/",
            "identity-clashes": "/conflicts/identity/",
            "ai-board": "/ai/",
            "ai-requests": "/ai/requests/?tab=all",
            "ai-results": "/ai/results/",
            "ai-pool-form": f"/ai/pools/{self.ai_worker.pool_id}/",
            "ai-worker-form": f"/ai/workers/{self.ai_worker.pk}/",
            "tiers": "/tiers/",
            "moves": "/tiers/moves/?tab=all",
            "move": f"/tiers/moves/{self.move.pk}/",
            "study-move-state": f"{study}move/state/",
            "tier-changes": "/tiers/changes/",
            "damage": "/tiers/damage/",
            "tier-cost": "/tiers/cost/",
            "policy": f"/tiers/policies/{self.policy.pk}/",
            "policy-form": f"/tiers/policies/{self.policy.pk}/edit/",
            "policy-delete": f"/tiers/policies/{self.policy.pk}/delete/",
            "location-form": f"/tiers/{self.location.pk}/",
            "location-delete": f"/tiers/{self.location.pk}/delete/",
            "system": "/system/",
        }


def make_rows(count: int = 1) -> Rows:
    """As many rows of each kind, one study for each."""
    deliveries = [DeliveryFactory.create(has_failed=number % 2 == 0) for number in range(count)]
    version = RuleVersion.objects.get(deliveries=deliveries[0])
    for delivery in deliveries:
        ConflictFactory.create(instance=delivery.instance)
        IdentityClashFactory.create(study=delivery.instance.series.study, instance=delivery.instance)
        AllowlistEntryFactory.create()
        RuleVersionFactory.create(rule=version.rule)
        ShadowMatchFactory.create(instance=delivery.instance, rule_version=version)
    back_tests = [BackTestFactory.create(matches=[each.instance.series.study for each in deliveries])]
    back_tests += [BackTestFactory.create() for _ in deliveries[1:]]
    nodes = [RemoteNodeFactory.create() for _ in deliveries]
    commitments = [CommitmentFactory.create() for _ in deliveries]
    workers = [AIWorkerFactory.create() for _ in deliveries]
    for worker in workers:
        AIResultFactory.create(worker=worker)
        AIRequestFactory.create(pool=worker.pool, worker=worker, state="failed")
    policies = [PolicyFactory.create() for _ in deliveries]
    locations = [LocationFactory.create() for _ in deliveries]
    moves = [MoveFactory.create(study=delivery.instance.series.study) for delivery in deliveries]
    for delivery, location in zip(deliveries, locations, strict=True):
        TierChangeFactory.create(study=delivery.instance.series.study)
        DamageFactory.create(pack=PackFactory.create(study=delivery.instance.series.study, location=location))
        TierSampleFactory.create(what="location", key=str(location.pk))
        PackFactory.create(study=delivery.instance.series.study, location=location)
    return Rows(
        deliveries[0].instance.series.study,
        deliveries[0],
        nodes[0],
        commitments[0],
        workers[0],
        back_tests[0],
        locations[0],
        policies[0],
        moves[0],
    )
