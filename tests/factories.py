"""Factories of rows as a working gateway has them; names and numbers are fictitious."""

# mypy: disable-error-code="attr-defined, untyped-decorator"

from datetime import timedelta
from typing import Any

import factory
from django.utils import timezone
from factory.django import DjangoModelFactory
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

from dicomnet.commitment import FailureReason
from dicomnet.models import AllowlistEntry, RemoteNode
from gateway.accounts.models import Role, User
from gateway.batches.models import Batch, BatchAction, BatchItem, BatchState, ItemState
from gateway.configuration.models import ConfigSnapshot
from gateway.nodes.models import EventKind, Kind, Node, Process, SystemEvent
from gateway.webhooks.kinds import EventKind as WebhookEventKind
from gateway.webhooks.models import Webhook, WebhookDelivery
from gateway.webhooks.sign import sealed
from routing.models import (
    AIPool,
    AIRequest,
    AIResult,
    AIWorker,
    BackTest,
    BackTestStudy,
    Delivery,
    DeliveryState,
    Destination,
    Rule,
    RuleVersion,
    ShadowMatch,
)
from routing.rules import save_rule
from spanner.models import ConfigSource, Fetch, FetchState, Source, SourceMinute, SpanningConfig
from studies.commitments.models import Commitment, CommitmentItem, CommitmentState
from studies.models import Conflict, IdentityClash, Instance, Series, Study, Tier, UnreadableFile
from tiering.models import Damage, Location, Move, Pack, PackState, Policy, TierChange, TierSample

PASSWORD = "correct horse battery"
WEBHOOK_SECRET = "whsec_eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHg="


class UserFactory(DjangoModelFactory[User]):
    class Meta:
        model = User
        skip_postgeneration_save = True

    username = factory.Sequence(lambda n: f"person{n}")
    role = Role.VIEWER
    is_active = True

    @factory.post_generation
    def password(self: User, create: bool, extracted: str | None, **kwargs: Any) -> None:
        self.set_password(extracted or PASSWORD)
        if create:
            self.save(update_fields=["password"])


class AllowlistEntryFactory(DjangoModelFactory[AllowlistEntry]):
    class Meta:
        model = AllowlistEntry

    calling_ae_title = factory.Sequence(lambda n: f"MODALITY{n}")
    network = "10.1.2.0/24"


class RemoteNodeFactory(DjangoModelFactory[RemoteNode]):
    class Meta:
        model = RemoteNode

    ae_title = factory.Sequence(lambda n: f"MODALITY{n}")
    host = "10.1.2.3"
    port = 11112


class ConfigSnapshotFactory(DjangoModelFactory[ConfigSnapshot]):
    """A configuration that had nothing to bring back."""

    class Meta:
        model = ConfigSnapshot

    author_name = "ada"
    what = "import of gantry.yaml"
    reason = "a new archive"
    summary = "1 added"
    document = "version: 1\n"


class CommitmentFactory(DjangoModelFactory[Commitment]):
    """A request whose verdict was reported; its two instances, one of them not committed, unless ``items=False``."""

    class Meta:
        model = Commitment
        skip_postgeneration_save = True

    transaction_uid = factory.LazyFunction(generate_uid)
    calling_ae_title = "CT_ROOM1"
    called_ae_title = "GANTRY"
    source_address = "10.1.2.3"
    state = CommitmentState.REPORTED
    instance_count = 2
    failed_count = 1
    verified_at = factory.LazyFunction(timezone.now)
    report_since = factory.LazyFunction(timezone.now)
    reported_at = factory.LazyFunction(timezone.now)

    @factory.post_generation
    def items(self: Commitment, create: bool, extracted: Any, **kwargs: Any) -> None:
        for reason in () if extracted is False else (None, FailureReason.NO_SUCH_INSTANCE):
            CommitmentItem.objects.create(
                commitment=self,
                sop_class_uid=str(CTImageStorage),
                sop_instance_uid=generate_uid(),
                is_checked=True,
                failure_reason=reason,
            )


class StudyFactory(DjangoModelFactory[Study]):
    class Meta:
        model = Study

    study_instance_uid = factory.LazyFunction(generate_uid)
    patient_id = factory.Sequence(lambda n: f"PAT{n:06d}")
    patient_name = factory.Sequence(lambda n: f"Example^Person{n}")
    patient_birth_date = "19700101"
    patient_sex = "O"
    study_date = "20261120"
    study_time = "101112"
    accession_number = factory.Sequence(lambda n: f"ACC{n:06d}")
    study_description = "CT Thorax"
    modalities_in_study = "\\CT\\"
    calling_ae_title = "CT_ROOM1"
    received_at = factory.LazyFunction(timezone.now)
    last_received_at = factory.SelfAttribute("received_at")


class SeriesFactory(DjangoModelFactory[Series]):
    class Meta:
        model = Series

    study = factory.SubFactory(StudyFactory)
    series_instance_uid = factory.LazyFunction(generate_uid)
    modality = "CT"
    series_number = "1"
    series_description = "Thin slices"


class InstanceFactory(DjangoModelFactory[Instance]):
    """One instance; ``series__study=study`` puts it into a study. Counts of its parents are left alone."""

    class Meta:
        model = Instance

    series = factory.SubFactory(SeriesFactory)
    sop_instance_uid = factory.LazyFunction(generate_uid)
    instance_number = factory.Sequence(str)
    rows = 512
    columns = 512
    sop_class_uid = str(CTImageStorage)
    transfer_syntax_uid = str(ExplicitVRLittleEndian)
    location = factory.Sequence(lambda n: f"aa/bb/{n:026d}.dcm")
    size_bytes = 526_000
    data_set_offset = 400
    sha256 = factory.Sequence(lambda n: f"{n:064x}")
    calling_ae_title = "CT_ROOM1"
    called_ae_title = "GANTRY"
    source_address = "10.1.2.3"
    received_at = factory.LazyFunction(timezone.now)


class ConflictFactory(DjangoModelFactory[Conflict]):
    class Meta:
        model = Conflict

    instance = factory.SubFactory(InstanceFactory)
    other = factory.SubFactory(
        InstanceFactory,
        series=factory.SelfAttribute("..instance.series"),
        sop_instance_uid=factory.SelfAttribute("..instance.sop_instance_uid"),
        is_primary=False,
        calling_ae_title="CT_ROOM2",
    )
    received_at = factory.LazyFunction(timezone.now)


class IdentityClashFactory(DjangoModelFactory[IdentityClash]):
    class Meta:
        model = IdentityClash

    study = factory.SubFactory(StudyFactory)
    instance = factory.SubFactory(InstanceFactory, series__study=factory.SelfAttribute("...study"))
    attribute = "PatientID"
    study_value = factory.SelfAttribute("study.patient_id")
    instance_value = factory.Sequence(lambda n: f"OTHER{n:06d}")
    number_of_instances = 3
    received_at = factory.LazyFunction(timezone.now)
    last_received_at = factory.SelfAttribute("received_at")


class UnreadableFileFactory(DjangoModelFactory[UnreadableFile]):
    class Meta:
        model = UnreadableFile

    name = factory.Sequence(lambda n: f"{n:026d}.dcm")
    reason = "the file ends before its data set does"
    size_bytes = 262_144


class DestinationFactory(DjangoModelFactory[Destination]):
    class Meta:
        model = Destination

    name = factory.Sequence(lambda n: f"Archive {n}")
    ae_title = factory.Sequence(lambda n: f"ARCHIVE{n}")
    host = "127.0.0.1"
    port = 11119


class RuleFactory(DjangoModelFactory[Rule]):
    """A saved rule with its first version; ``to`` and ``ask`` are its destinations and AI pools."""

    class Meta:
        model = Rule

    name = factory.Sequence(lambda n: f"Rule {n}")
    conditions = factory.LazyFunction(lambda: [{"attribute": "Modality", "operator": "equals", "value": "CT"}])

    @classmethod
    def _create(cls, model_class: type[Rule], **kwargs: Any) -> Rule:
        destinations, ai_pools = kwargs.pop("to", []), kwargs.pop("ask", [])
        rule = model_class(**kwargs)
        save_rule(rule, destinations=destinations, ai_pools=ai_pools)
        return rule


def version_of_a_new_rule() -> RuleVersion:
    version: RuleVersion = RuleFactory().versions.get()
    return version


class RuleVersionFactory(DjangoModelFactory[RuleVersion]):
    """A further form of a saved rule, that is not in force."""

    class Meta:
        model = RuleVersion

    number = factory.Sequence(lambda n: n + 1000)
    definition = factory.LazyAttribute(lambda version: version.rule.versions.earliest("number").definition)


class ShadowMatchFactory(DjangoModelFactory[ShadowMatch]):
    class Meta:
        model = ShadowMatch

    instance = factory.SubFactory(InstanceFactory)


class BackTestFactory(DjangoModelFactory[BackTest]):
    """A back-test of a saved rule that has ended; ``matches`` are studies that its draft and not the rule takes."""

    class Meta:
        model = BackTest

    rule = factory.SubFactory(RuleFactory)
    draft = factory.LazyAttribute(lambda test: {**test.rule.versions.get().definition, "live_version": 1})
    days = 30
    since = factory.LazyFunction(lambda: timezone.now() - timedelta(days=30))
    state = "done"
    finished_at = factory.LazyFunction(timezone.now)

    @classmethod
    def _create(cls, model_class: type[BackTest], **kwargs: Any) -> BackTest:
        studies = kwargs.pop("matches", [])
        found = model_class.objects.create(matched=len(studies), differing=len(studies), **kwargs)
        for study in studies:
            BackTestStudy.objects.create(back_test=found, study=study, by_draft=True, by_live=False, instance_count=1)
        return found


class DeliveryFactory(DjangoModelFactory[Delivery]):
    """A waiting delivery; the traits ``is_delivered``, ``is_sending`` and ``has_failed`` are the other states."""

    class Meta:
        model = Delivery

    class Params:
        is_delivered = factory.Trait(
            state=DeliveryState.DELIVERED,
            attempts=1,
            last_status=0,
            delivered_at=factory.LazyFunction(timezone.now),
        )
        is_sending = factory.Trait(
            state=DeliveryState.SENDING,
            attempts=1,
            lease_token="token",
            lease_until=factory.LazyFunction(lambda: timezone.now() + timedelta(minutes=1)),
        )
        has_failed = factory.Trait(
            state=DeliveryState.DEAD,
            attempts=8,
            last_status=0xA700,
            last_error="the peer answered 0xA700 Out of resources",
            last_attempt_at=factory.LazyFunction(timezone.now),
        )

    instance = factory.SubFactory(InstanceFactory)
    destination = factory.SubFactory(DestinationFactory)
    rule_version = factory.LazyFunction(version_of_a_new_rule)


class AIPoolFactory(DjangoModelFactory[AIPool]):
    class Meta:
        model = AIPool

    name = factory.Sequence(lambda n: f"Pool {n}")


class AIWorkerFactory(DjangoModelFactory[AIWorker]):
    class Meta:
        model = AIWorker

    pool = factory.SubFactory(AIPoolFactory)
    name = factory.Sequence(lambda n: f"Node {n}")
    ae_title = factory.Sequence(lambda n: f"AI{n}")
    host = "10.9.8.7"
    port = 11112


class AIRequestFactory(DjangoModelFactory[AIRequest]):
    """A request that waits; ``worker=`` and ``state=`` say otherwise."""

    class Meta:
        model = AIRequest

    pool = factory.SubFactory(AIPoolFactory)
    rule_version = factory.LazyFunction(version_of_a_new_rule)
    study = factory.SubFactory(StudyFactory)


class AIResultFactory(DjangoModelFactory[AIResult]):
    """A result that is quarantined, unless ``verdict=`` says otherwise."""

    class Meta:
        model = AIResult

    instance = factory.SubFactory(InstanceFactory, calling_ae_title=factory.SelfAttribute("..worker.ae_title"))
    worker = factory.SubFactory(AIWorkerFactory)
    verdict = "quarantined"
    reason = "It names another patient than the study."


class LocationFactory(DjangoModelFactory[Location]):
    class Meta:
        model = Location

    name = factory.Sequence(lambda n: f"Shelf {n}")
    path = factory.Sequence(lambda n: f"/mnt/shelf{n}")


class PackFactory(DjangoModelFactory[Pack]):
    class Meta:
        model = Pack

    location = factory.SubFactory(LocationFactory)
    study = factory.SubFactory(StudyFactory)
    key = factory.Sequence(lambda n: f"1.2.{n}/1.3.{n}/{n}.tar")
    state = PackState.VERIFIED
    size_bytes = 1_000_000


class MoveFactory(DjangoModelFactory[Move]):
    class Meta:
        model = Move

    study = factory.SubFactory(StudyFactory)
    to_tier = Tier.COLD
    requested_by = "person"


class PolicyFactory(DjangoModelFactory[Policy]):
    class Meta:
        model = Policy

    name = factory.Sequence(lambda n: f"Shelve {n}")
    conditions = {"older_than_days": 0}


class TierSampleFactory(DjangoModelFactory[TierSample]):
    class Meta:
        model = TierSample

    on = factory.LazyFunction(timezone.localdate)
    what = "tier"
    key = "hot"
    size_bytes = 1_000_000_000


class TierChangeFactory(DjangoModelFactory[TierChange]):
    class Meta:
        model = TierChange

    study = factory.SubFactory(StudyFactory)
    from_tier = Tier.HOT
    to_tier = Tier.COLD
    requested_by = "person"


class DamageFactory(DjangoModelFactory[Damage]):
    class Meta:
        model = Damage

    pack = factory.SubFactory(PackFactory)
    where = "Shelf"
    name = factory.Sequence(lambda n: f"1.2.{n}.tar")
    what = "It ends too early."


class SourceFactory(DjangoModelFactory[Source]):
    """An archive that is asked by C-FIND and has answered."""

    class Meta:
        model = Source

    name = factory.Sequence(lambda n: f"Site {n}")
    ae_title = factory.Sequence(lambda n: f"SITE{n}")
    host = "10.1.2.3"
    port = 11112
    last_success_at = factory.LazyFunction(timezone.now)


class SpanningConfigFactory(DjangoModelFactory[SpanningConfig]):
    class Meta:
        model = SpanningConfig

    name = factory.Sequence(lambda n: f"all-{n}")
    cache_seconds = 0


class ConfigSourceFactory(DjangoModelFactory[ConfigSource]):
    class Meta:
        model = ConfigSource

    config = factory.SubFactory(SpanningConfigFactory)
    source = factory.SubFactory(SourceFactory)


class SourceMinuteFactory(DjangoModelFactory[SourceMinute]):
    class Meta:
        model = SourceMinute

    source = factory.SubFactory(SourceFactory)
    minute = factory.Sequence(lambda n: timezone.now().replace(second=0, microsecond=0) - timedelta(minutes=n % 50))
    asked = 10
    failed = 1
    matches = 30
    milliseconds = 400
    slowest_milliseconds = 90


class FetchFactory(DjangoModelFactory[Fetch]):
    """One that is under way; ``state=`` says otherwise."""

    class Meta:
        model = Fetch

    config = factory.SubFactory(SpanningConfigFactory)
    source = factory.SubFactory(SourceFactory)
    study_instance_uid = factory.LazyFunction(generate_uid)
    state = FetchState.FETCHING
    requested_by = "person"
    instances_expected = 200
    instances_arrived = 50
    bytes_arrived = 25_000_000


class NodeFactory(DjangoModelFactory[Node]):
    """One that was measured just now; ``age_seconds=`` says otherwise."""

    class Meta:
        model = Node

    class Params:
        age_seconds = 2

    name = factory.Sequence(lambda n: f"host-{n}")
    version = "0.1.0"
    seen_at = factory.LazyAttribute(lambda node: timezone.now() - timedelta(seconds=node.age_seconds))
    booted_at = factory.LazyFunction(lambda: timezone.now() - timedelta(days=9))
    cpu_count = 4
    cpu_percent = 12.5
    load_average = 0.4
    memory_total_bytes = 16_000_000_000
    memory_used_bytes = 6_000_000_000
    disks = [
        {
            "label": "Home",
            "path": "/var/lib/gantry",
            "total_bytes": 1_000_000_000_000,
            "free_bytes": 600_000_000_000,
            "used_percent": 40.0,
        }
    ]


class ProcessFactory(DjangoModelFactory[Process]):
    """One that was seen just now; ``age_seconds=`` and ``is_stopped=`` say otherwise."""

    class Meta:
        model = Process

    class Params:
        age_seconds = 2
        uptime_seconds = 3600
        appeared_seconds = 90_000
        is_stopped = False

    node = factory.SubFactory(NodeFactory)
    kind = Kind.WEB
    name = factory.SelfAttribute("kind")
    pid = factory.Sequence(lambda n: 1000 + n)
    version = "0.1.0"
    commit = "62a6949cf649"
    started_at = factory.LazyAttribute(lambda process: timezone.now() - timedelta(seconds=process.uptime_seconds))
    appeared_at = factory.LazyAttribute(lambda process: timezone.now() - timedelta(seconds=process.appeared_seconds))
    seen_at = factory.LazyAttribute(lambda process: timezone.now() - timedelta(seconds=process.age_seconds))
    stopped_at = factory.LazyAttribute(lambda process: process.seen_at if process.is_stopped else None)
    load = 1
    rss_bytes = 90_000_000


class SystemEventFactory(DjangoModelFactory[SystemEvent]):
    class Meta:
        model = SystemEvent

    at = factory.LazyFunction(timezone.now)
    node = factory.Sequence(lambda n: f"host-{n}")
    kind = EventKind.ENDED
    subject = "worker-index"
    words = "killed by signal 9 (Killed); it is started again in 1 s"


class WebhookFactory(DjangoModelFactory[Webhook]):
    """One that is told of everything; its secret is ``whsec_`` and 32 bytes of x in base64."""

    class Meta:
        model = Webhook

    name = factory.Sequence(lambda n: f"RIS {n}")
    url = "https://ris.example/gantry"
    events = WebhookEventKind.values
    secret = factory.LazyFunction(lambda: sealed(WEBHOOK_SECRET))
    created_at = factory.LazyFunction(lambda: timezone.now() - timedelta(minutes=1))


class WebhookDeliveryFactory(DjangoModelFactory[WebhookDelivery]):
    class Meta:
        model = WebhookDelivery

    webhook = factory.SubFactory(WebhookFactory)
    event = "study.completed"
    study_instance_uid = "1.2.3"
    body = '{"type":"study.completed","timestamp":"2026-11-28T10:00:00.000Z","data":{"study_instance_uid":"1.2.3"}}'


class BatchFactory(DjangoModelFactory[Batch]):
    """A batch that is done; ``studies`` are those that it was about."""

    class Meta:
        model = Batch
        skip_postgeneration_save = True

    user = factory.SubFactory(UserFactory, role=Role.OPERATOR)
    action = BatchAction.LABEL
    options = {"label": "teaching"}
    state = BatchState.DONE

    @factory.post_generation
    def studies(self: Batch, create: bool, extracted: Any, **kwargs: Any) -> None:
        for study in extracted or ():
            BatchItem.objects.create(batch=self, study=study, state=ItemState.DONE, words="Labelled")
