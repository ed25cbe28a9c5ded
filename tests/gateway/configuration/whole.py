"""A configuration with something of every kind, and what the tests look at."""

import hashlib
import json
from typing import Any

from django.core import serializers

from dicomnet.models import AllowlistEntry, RemoteNode
from dicomnet.web.secrets import seal
from gateway.configuration.carry_out import apply
from gateway.configuration.changes import Outcome
from gateway.configuration.kinds import KINDS
from gateway.configuration.models import ConfigSnapshot
from gateway.configuration.order import Order
from gateway.configuration.parse import parse
from routing.models import AIPool, AIWorker, Destination, Rule, RuleVersion
from routing.rules import save_rule
from spanner.models import ConfigSource, Source, SpanningConfig
from studies.models import SourcePace
from tiering.models import Location, Policy

SECRET = "pass phrase of the archive"


def make_whole() -> None:
    """One row of each kind at least, with secrets and with what needs quotes in YAML."""
    AllowlistEntry.objects.create(
        calling_ae_title="NO", network="10.1.2.0/24", may_find=True, sop_classes=["1.2.840.10008.5.1.4.1.1.2"]
    )
    AllowlistEntry.objects.create(network="10.9.0.0/16", called_ae_title="GANTRY", comment="“on”: é # no comment")
    RemoteNode.objects.create(ae_title="CT1", host="10.1.2.3", port=11112)
    SourcePace.objects.create(calling_ae_title="CT1", floor_seconds=30, longest_gaps=[1.5])
    SourcePace.objects.create(calling_ae_title="MR1", longest_gaps=[2])
    pacs = Destination.objects.create(
        name="PACS 1", ae_title="PACS", host="10.1.2.4", port=104, window_begins_at="22:00", window_ends_at="06:00"
    )
    Destination.objects.create(
        name="cloud",
        kind="stow",
        url="https://pacs.example/dicom-web",
        authentication="basic",
        username="gantry",
        secret=seal(SECRET, place="https://pacs.example:443"),
    )
    pool = AIPool.objects.create(name="lungs")
    pool.result_destinations.set([pacs])
    AIWorker.objects.create(name="gpu1", pool=pool, ae_title="GPU1", host="10.1.2.5", port=11112)
    conditions = [{"attribute": "Modality", "operator": "equals", "value": "CT"}]
    rule = Rule(name="CT to PACS", conditions=conditions, actions=[{"action": "label", "label": "0010"}])
    save_rule(rule, destinations=[pacs], ai_pools=[pool])
    save_rule(Rule(name="a later rule", is_enabled=False, priority=1), destinations=[pacs])
    Location.objects.create(
        name="bucket",
        kind="s3",
        bucket="gantry",
        access_key="key",
        secret_key=seal(SECRET, place="https://s3.us-east-1.amazonaws.com:443"),
        cost_per_gb_month="0.023",
    )
    Policy.objects.create(name="old", conditions={"older_than_days": 365}, runs_from="20:00", runs_until="05:00")
    source = Source.objects.create(name="north", ae_title="NORTH", host="10.1.2.6", port=104)
    federation = SpanningConfig.objects.create(name="all", ae_title="ALL")
    ConfigSource.objects.create(config=federation, source=source, timeout_override=5)
    ConfigSource.objects.create(config=federation, source=Source.objects.create(name="here", kind="local"), priority=5)


def wipe() -> None:
    """Remove all that the document has."""
    for kind in reversed(KINDS):
        kind.model.objects.all().delete()


def state() -> str:
    """A hash of every row that an import may touch."""
    models: list[Any] = [*(kind.model for kind in KINDS), RuleVersion, ConfigSource, ConfigSnapshot]
    rows = [serializers.serialize("json", model.objects.order_by("pk")) for model in models]
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


def load(text: str, **order: Any) -> Outcome:
    """Import a document."""
    return apply(parse(text), Order(what="import of a test", **order))
