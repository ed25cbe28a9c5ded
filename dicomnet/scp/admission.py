"""Admit or reject an association by the allowlist, and choose its presentation contexts (PS3.8 9.3.4)."""

import logging
from typing import cast

from pynetdicom.pdu_primitives import A_ASSOCIATE

from dicomnet.allowlist import Allowlist, Rights
from dicomnet.commitment import PUSH_MODEL
from dicomnet.contexts import NO_ROLES, Roles, narrow
from dicomnet.find import FIND_MODELS
from dicomnet.metrics import ASSOCIATIONS
from dicomnet.retrieval import RETRIEVE_CLASSES
from dicomnet.scp.association import AcceptedAssociation
from dicomnet.services import services_for
from dicomnet.sop_classes import is_storage
from dicomnet.statuses import REJECT_REASONS
from dicomnet.wire.guard import Guard

logger = logging.getLogger(__name__)
APPLICATION_CONTEXT_NAME = "1.2.840.10008.3.1.1.1"  # PS3.7 A.2.1; the only one there is
PERMANENT, TRANSIENT = 1, 2
SERVICE_USER, PRESENTATION_PROVIDER = 1, 3
APPLICATION_CONTEXT_UNKNOWN = 2
CALLING_AE_TITLE_UNKNOWN, CALLED_AE_TITLE_UNKNOWN = 3, 7
TEMPORARY_CONGESTION, LOCAL_LIMIT_EXCEEDED = 1, 2


def admit(assoc: AcceptedAssociation, allowlist: Allowlist, guard: Guard) -> None:
    """Before negotiation: reject, or set what this caller may do and which contexts it gets."""
    request = cast(A_ASSOCIATE, assoc.requestor.primitive)
    record = assoc.record
    record.calling_ae_title = (request.calling_ae_title or "").strip()
    record.called_ae_title = (request.called_ae_title or "").strip()
    if request.application_context_name != APPLICATION_CONTEXT_NAME:
        reject(assoc, PERMANENT, SERVICE_USER, APPLICATION_CONTEXT_UNKNOWN)
        return
    services = services_for(record.called_ae_title)
    if services is None:
        reject(assoc, PERMANENT, SERVICE_USER, CALLED_AE_TITLE_UNKNOWN)
        return
    connection = assoc.connection
    rights = allowlist.rights(
        record.calling_ae_title,
        connection.address,
        record.called_ae_title,
        connection.certificate,
        is_tls=connection.is_tls,
    )
    if rights is None:
        reject(assoc, PERMANENT, SERVICE_USER, CALLING_AE_TITLE_UNKNOWN)
        return
    contexts = request.presentation_context_definition_list
    roles = Roles.proposed(request.user_information)
    if any(would_store(context.abstract_syntax or "", roles) for context in contexts) and services.congestion():
        # A sender tries again later, or another archive, before it has sent what would be refused (PS3.8 9.3.4).
        reject(assoc, TRANSIENT, PRESENTATION_PROVIDER, TEMPORARY_CONGESTION)
        return
    if not guard.establish(connection, assoc):
        reject(assoc, TRANSIENT, PRESENTATION_PROVIDER, LOCAL_LIMIT_EXCEEDED)
        return
    record.rights = rights
    assoc.acceptor.supported_contexts = narrow(
        contexts,
        rights.store_classes,
        may_commit=rights.may_commit,
        reports=PUSH_MODEL in roles.scp,
        queries=_queries_of(rights),
        fetches=roles if rights.may_get else NO_ROLES,
        stored=services.stored_syntaxes() if rights.may_get and roles.scp else None,
    )


def _queries_of(rights: Rights) -> frozenset[str]:
    fetching = frozenset(uid for uid, known in RETRIEVE_CLASSES.items() if known.is_allowed(rights))
    return fetching | FIND_MODELS if rights.may_find else fetching


def would_store(abstract_syntax: str, roles: Roles) -> bool:
    """The requestor may send instances: who fetches by C-GET proposes storage classes as well, and sends none."""
    return is_storage(abstract_syntax) and roles.is_scu(abstract_syntax)


def reject(assoc: AcceptedAssociation, result: int, source: int, reason: int) -> None:
    """Reject, with one log line and one count."""
    assoc.record.refusal = REJECT_REASONS[source, reason]
    certificate = assoc.connection.certificate
    ASSOCIATIONS.labels(outcome=f"rejected: {assoc.record.refusal}").inc()
    logger.warning(
        "association rejected",
        extra={
            "calling_ae_title": assoc.record.calling_ae_title,
            "called_ae_title": assoc.record.called_ae_title,
            "source_address": assoc.connection.address,
            "certificate": certificate.fingerprint if certificate else None,
            "reason": assoc.record.refusal,
        },
    )
    assoc.reject(result, source, reason)
