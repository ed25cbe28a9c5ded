"""Every page of the portal, with rows that all of them show."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.utils import timezone

from dicomnet.models import RemoteNode
from gateway.accounts.models import ApiKey, FailedSignIn, Site, User
from gateway.batches.models import Batch
from gateway.configuration.models import ConfigSnapshot
from gateway.webhooks.models import Webhook
from routing.models import AIWorker, BackTest, Delivery, RuleVersion
from spanner.answers import Answer, State
from spanner.models import Fetch, Query, Source, SpanningConfig
from studies.models import Commitment, Study
from tests.factories import (
    AIRequestFactory,
    AIResultFactory,
    AIWorkerFactory,
    AllowlistEntryFactory,
    BackTestFactory,
    BatchFactory,
    CommitmentFactory,
    ConfigSnapshotFactory,
    ConfigSourceFactory,
    ConflictFactory,
    DamageFactory,
    DeliveryFactory,
    FetchFactory,
    IdentityClashFactory,
    LocationFactory,
    MoveFactory,
    NodeFactory,
    PackFactory,
    PolicyFactory,
    ProcessFactory,
    RemoteNodeFactory,
    RuleVersionFactory,
    ShadowMatchFactory,
    SourceFactory,
    SourceMinuteFactory,
    SpanningConfigFactory,
    SystemEventFactory,
    TierChangeFactory,
    TierSampleFactory,
    UserFactory,
    WebhookDeliveryFactory,
    WebhookFactory,
)
from tests.spanner.answered import answered
from tests.spanner.archives import json_of
from tests.spanner.archives import study as match
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
    federation: SpanningConfig
    source: Source
    query: Query
    fetch: Fetch
    person: User
    api_key: ApiKey
    batch: Batch
    snapshot: ConfigSnapshot
    webhook: Webhook
    site: Site

    def addresses(self) -> dict[str, str]:
        """Addresses of all pages by name."""
        series = self.delivery.instance.series
        study = f"/studies/{self.study.study_instance_uid}/"
        version = self.delivery.rule_version
        rule = version.rule_id if version else 0
        return {
            "dashboard": "/",
            "first-steps": "/first-steps/",
            "studies": "/studies/",
            "study": study,
            "series": f"{study}series/{series.series_instance_uid}/",
            "trace": f"{study}trace/",
            "study-glance": f"{study}glance/",
            "study-others": f"{study}others/",
            "batch": f"/studies/batches/{self.batch.pk}/",
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
            "span-search": "/archives/",
            "span-found": f"/archives/found/{self.query.pk}/",
            "fetches": "/archives/fetches/?tab=all",
            "fetch": f"/archives/fetches/{self.fetch.pk}/",
            "sources": "/archives/sources/",
            "source": f"/archives/sources/{self.source.pk}/",
            "source-form": f"/archives/sources/{self.source.pk}/edit/",
            "source-delete": f"/archives/sources/{self.source.pk}/delete/",
            "federation-form": f"/archives/federations/{self.federation.pk}/",
            "federation-delete": f"/archives/federations/{self.federation.pk}/delete/",
            "users": "/users/",
            "user-form": f"/users/{self.person.pk}/",
            "user-password": f"/users/{self.person.pk}/password/",
            "user-delete": f"/users/{self.person.pk}/delete/",
            "sites": "/sites/",
            "site-form": f"/sites/{self.site.pk}/",
            "site-delete": f"/sites/{self.site.pk}/delete/",
            "api-keys": "/api-keys/",
            "api-key-sites": f"/api-keys/{self.api_key.prefix}/",
            "api-key-form": "/api-keys/new/",
            "api-key-revoke": f"/api-keys/{self.api_key.prefix}/revoke/",
            "my-account": "/account/",
            "my-password": "/account/password/",
            "my-factor-remove": "/account/second-factor/remove/",
            "my-recovery-codes": "/account/second-factor/codes/",
            "user-factor": f"/users/{self.person.pk}/second-factor/",
            "webhooks": "/webhooks/",
            "webhook": f"/webhooks/{self.webhook.pk}/",
            "webhook-form": f"/webhooks/{self.webhook.pk}/edit/",
            "webhook-delete": f"/webhooks/{self.webhook.pk}/delete/",
            "webhook-secret": f"/webhooks/{self.webhook.pk}/secret/",
            "audit": "/audit/",
            "audit-disclosures": f"/audit/disclosures/?patient_id={self.study.patient_id}",
            "system": "/system/",
            "system-events": "/system/events/",
            "configuration": "/system/configuration/",
            "configuration-import": "/system/configuration/import/",
            "configuration-snapshot": f"/system/configuration/snapshots/{self.snapshot.pk}/",
            "licences": "/system/licences/",
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
        ProcessFactory.create(node=NodeFactory.create())
        SystemEventFactory.create()
    federation, sources, query = _make_federations(count)
    fetches = [FetchFactory.create(source=source, config=federation) for source in sources]
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
        federation,
        sources[0],
        query,
        fetches[0],
        *_make_accounts(count),
        BatchFactory.create(studies=[delivery.instance.series.study for delivery in deliveries]),
        ConfigSnapshotFactory.create_batch(count)[0],
        _make_webhooks(count),
        Site.objects.get_or_create(name="North", senders=["CT_ROOM1"])[0],
    )


def _make_webhooks(count: int) -> Webhook:
    """As many, and as many messages to each."""
    webhooks = [WebhookFactory.create() for _ in range(count)]
    first = Webhook.objects.earliest("pk")
    for webhook in [*webhooks, *[first] * count]:
        WebhookDeliveryFactory.create(webhook=webhook, state="dead", attempts=3, last_error="HTTP 500")
    return webhooks[0]


def _make_accounts(count: int) -> tuple[User, ApiKey]:
    """As many users, API keys and lock-outs."""
    people = [UserFactory.create() for _ in range(count)]
    for _ in range(count):
        ApiKey.objects.create_key(name="viewer on ward 3", scopes=["viewer"])
    for person in people:
        FailedSignIn.objects.create(
            username=person.username,
            address="10.1.2.3",
            attempts=5,
            tried_at=timezone.now(),
            locked_until=timezone.now() + timedelta(minutes=15),
        )
    return people[0], ApiKey.objects.order_by("prefix")[0]


def _make_federations(count: int) -> tuple[SpanningConfig, list[Source], Query]:
    """One with as many sources, each of which found a study that the first has too; and as many others."""
    federation = SpanningConfigFactory.create()
    sources = [ConfigSourceFactory.create(config=federation).source for _ in range(count)]
    for source in sources:
        SourceMinuteFactory.create(source=source)
        ConfigSourceFactory.create(config=SpanningConfigFactory.create(), source=source)
    missing = ConfigSourceFactory.create(config=federation, source=SourceFactory.create(failures_in_a_row=3)).source
    answers = {source: Answer(source.name, State.OK, _matches(number)) for number, source in enumerate(sources)}
    answers[missing] = Answer(missing.name, State.TIMEOUT, error="it did not answer within 10.0 s")
    return federation, sources, answered(federation, answers, by=UserFactory.create())


def _matches(number: int) -> list[dict[str, Any]]:
    rows = [match(0), match(number + 1)] if number else [match(number) for number in range(3)]
    return [json_of(row) for row in rows]
