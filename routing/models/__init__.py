"""What routing keeps: destinations, rules, the ledger and decisions; and what belongs to one feature, beside it.

routing.ai, routing.backtest and routing.proof have models of their own, which point to those here.
"""

from dicomnet.server_name import validate_server_name
from routing.ai.models import AIPool, AIRequest, AIResult, AIWorker
from routing.backtest.models import BackTest, BackTestStudy
from routing.models.decisions import Decision, Discard, ShadowMatch
from routing.models.deliveries import Attempt, Delivery, DeliveryState
from routing.models.destinations import Destination, DestinationKind, ProofKind
from routing.models.rules import Priority, Rule, RuleMode, RuleScope, RuleVersion, validate_conditions
from routing.proof.models import ProofRequest

__all__ = [
    "AIPool",
    "AIRequest",
    "AIResult",
    "AIWorker",
    "Attempt",
    "BackTest",
    "BackTestStudy",
    "Decision",
    "Delivery",
    "DeliveryState",
    "Destination",
    "DestinationKind",
    "Discard",
    "Priority",
    "ProofKind",
    "ProofRequest",
    "Rule",
    "RuleMode",
    "RuleScope",
    "RuleVersion",
    "ShadowMatch",
    "validate_conditions",
    "validate_server_name",
]
