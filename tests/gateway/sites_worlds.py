"""The same rows of every kind for a study at each of two sites: what is shown of one and not of the other tells."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from dicomnet.audit import Action, Entry
from gateway.accounts.models import Site, User
from gateway.audit.record import record
from gateway.webhooks.models import WebhookDelivery
from routing.ai.models import AIRequest, AIResult
from routing.models import BackTest, Delivery
from spanner.answers import Answer, State
from spanner.models import Fetch, Query, SpanningConfig
from studies.models import Change, Commitment, CommitmentItem, Conflict, IdentityClash, Instance, Study, StudyLabel
from tests.factories import (
    AIRequestFactory,
    AIResultFactory,
    BackTestFactory,
    BatchFactory,
    CommitmentFactory,
    ConfigSourceFactory,
    ConflictFactory,
    DamageFactory,
    DeliveryFactory,
    FetchFactory,
    IdentityClashFactory,
    InstanceFactory,
    MoveFactory,
    PackFactory,
    ShadowMatchFactory,
    SpanningConfigFactory,
    StudyFactory,
    TierChangeFactory,
    WebhookDeliveryFactory,
)
from tests.spanner.answered import answered
from tiering.models import Move


@dataclass(frozen=True)
class World:
    """Everything about the one study of a site."""

    study: Study
    instance: Instance
    delivery: Delivery
    conflict: Conflict
    clash: IdentityClash
    commitment: Commitment
    move: Move
    ai_request: AIRequest
    ai_result: AIResult
    fetch: Fetch
    webhook_delivery: WebhookDelivery

    @cached_property
    def marks(self) -> dict[str, str]:
        """Texts that stand in no answer but for this study, by what they are."""
        study = self.study
        return {
            "study": study.study_instance_uid,
            "series": self.instance.series.series_instance_uid,
            "instance": self.instance.sop_instance_uid,
            "patient": study.patient_id,
            "name": study.patient_name.partition("^")[0],
            "accession": study.accession_number,
            "description": study.study_description,
            "label": f"{study.patient_id}-label",
            "clash": self.clash.instance_value,
        }

    @property
    def values(self) -> dict[str, str]:
        """For the parts of an address that name the study."""
        uids = {"study": "study_instance_uid", "series": "series_instance_uid", "instance": "sop_instance_uid"}
        found = {name: self.marks[kind] for kind, name in uids.items()}
        return found | {kind: self.marks[kind] for kind in uids}


@dataclass(frozen=True)
class Worlds:
    """Two, and what is about both."""

    inside: World
    outside: World
    site: Site
    back_test: BackTest
    query: Query
    federation: SpanningConfig


def make_worlds(asker: User) -> Worlds:
    """One study of the site North, another of South, and work on both by somebody."""
    federation = SpanningConfigFactory.create()
    source = ConfigSourceFactory.create(config=federation).source
    north, south = (_world(title, federation) for title in ("NORTH", "SOUTH"))
    both = [north.study, south.study]
    rows: list[Any] = [_as_row(study) for study in both]
    query = answered(federation, {source: Answer(source.name, State.OK, rows)}, by=asker)
    back_test = BackTestFactory.create(matches=both)
    BatchFactory.create(user=asker, studies=both)
    return Worlds(north, south, Site.objects.create(name="North", senders=["NORTH"]), back_test, query, federation)


def _world(title: str, federation: SpanningConfig) -> World:
    study = StudyFactory.create(
        calling_ae_title=title,
        patient_id=f"{title}-1",
        patient_name=f"Of{title}^Person",
        accession_number=f"{title}-2",
        study_description=f"{title} thorax",
        number_of_study_related_series=1,
        number_of_study_related_instances=1,
    )
    instance = InstanceFactory.create(series__study=study, header_note="odd")
    StudyLabel.objects.create(study=study, label=f"{title}-1-label", given_by="person")
    commitment = CommitmentFactory.create(items=False)
    CommitmentItem.objects.create(
        commitment=commitment, sop_class_uid="1.2", sop_instance_uid=instance.sop_instance_uid
    )
    Change.objects.create(kind="received", study_instance_uid=study.study_instance_uid, number_of_instances=1)
    TierChangeFactory.create(study=study)
    DamageFactory.create(pack=PackFactory.create(study=study))
    record(Entry(Action.ACCESSED, study_instance_uid=study.study_instance_uid, patient_id=study.patient_id))
    delivery = DeliveryFactory.create(instance=instance, has_failed=True)
    ShadowMatchFactory.create(instance=instance, rule_version=delivery.rule_version)
    return World(
        study,
        instance,
        delivery,
        ConflictFactory.create(instance=instance),
        IdentityClashFactory.create(study=study, instance=instance, instance_value=f"{title}-3"),
        commitment,
        MoveFactory.create(study=study),
        AIRequestFactory.create(study=study, state="failed"),
        AIResultFactory.create(instance=instance),
        FetchFactory.create(study_instance_uid=study.study_instance_uid, config=federation),
        WebhookDeliveryFactory.create(study_instance_uid=study.study_instance_uid, state="dead"),
    )


def _as_row(study: Study) -> dict[str, Any]:
    return {
        "0020000D": {"vr": "UI", "Value": [study.study_instance_uid]},
        "00100020": {"vr": "LO", "Value": [study.patient_id]},
        "00100010": {"vr": "PN", "Value": [{"Alphabetic": study.patient_name}]},
    }
