"""All kinds of the configuration, each after those whose rows it names."""

from gateway.configuration.kind import Kind
from gateway.configuration.kinds.ai_pools import AIPools
from gateway.configuration.kinds.ai_workers import AIWorkers
from gateway.configuration.kinds.allowlist import Allowlist
from gateway.configuration.kinds.destinations import Destinations
from gateway.configuration.kinds.federations import Federations
from gateway.configuration.kinds.locations import Locations
from gateway.configuration.kinds.policies import Policies
from gateway.configuration.kinds.quiet_times import QuietTimes
from gateway.configuration.kinds.remote_nodes import RemoteNodes
from gateway.configuration.kinds.rules import Rules
from gateway.configuration.kinds.sites import Sites
from gateway.configuration.kinds.sources import Sources

KINDS: tuple[Kind, ...] = (
    Allowlist(),
    RemoteNodes(),
    QuietTimes(),
    Destinations(),
    AIPools(),
    AIWorkers(),
    Rules(),
    Locations(),
    Policies(),
    Sources(),
    Federations(),
    Sites(),
)
# Rows that administrators make and that are no part of the document, each with the reason.
LEFT_OUT: dict[str, str] = {
    "accounts.User": "people, their passwords and second factors stay with each gateway",
    "accounts.ApiKey": "a key is shown once and opens one gateway",
    "studies.StudyLabel": "labels belong to studies",
    "tiering.DataKey": "keys of packs are made by the gateway, and lie in their location",
    "routing.RuleVersion": "the history of a rule; an import makes the next version",
    "spanner.ConfigSource": "stands in its federation",
    "webhooks.Webhook": "its secret is made by each gateway and shown once, to be given to the receiver",
}
