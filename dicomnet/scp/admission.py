"""Admit or reject an association by the allowlist, and choose its presentation contexts (PS3.8 9.3.4)."""

import logging

from pynetdicom import evt

from dicomnet.allowlist import Allowlist
from dicomnet.contexts import narrow
from dicomnet.metrics import ASSOCIATIONS
from dicomnet.scp.association import AcceptedAssociation
from dicomnet.services import services_for
from dicomnet.statuses import REJECT_REASONS

logger = logging.getLogger(__name__)
PERMANENT, SERVICE_USER = 0x01, 0x01
CALLING_AE_TITLE_UNKNOWN, CALLED_AE_TITLE_UNKNOWN = 0x03, 0x07


def on_requested(event: evt.Event, allowlist: Allowlist) -> None:
    """Before negotiation: reject, or set what this caller may do and which contexts it gets."""
    assoc: AcceptedAssociation = event.assoc
    request = assoc.requestor.primitive
    calling, called = request.calling_ae_title.strip(), request.called_ae_title.strip()
    if services_for(called) is None:
        reject(assoc, calling, called, CALLED_AE_TITLE_UNKNOWN)
        return
    rights = allowlist.rights(calling, assoc.requestor.address, called)
    if rights is None:
        reject(assoc, calling, called, CALLING_AE_TITLE_UNKNOWN)
        return
    assoc.record.rights = rights
    assoc.acceptor.supported_contexts = narrow(request.presentation_context_definition_list)


def reject(assoc: AcceptedAssociation, calling: str, called: str, reason: int) -> None:
    """Reject permanently; one log line, one counter."""
    words = REJECT_REASONS[SERVICE_USER, reason]
    assoc.record.refusal = words
    assoc.acse.send_reject(PERMANENT, SERVICE_USER, reason)
    ASSOCIATIONS.labels(outcome=f"rejected: {words}").inc()
    logger.warning(
        "association rejected",
        extra={
            "calling_ae_title": calling,
            "called_ae_title": called,
            "source_address": assoc.requestor.address,
            "reason": words,
        },
    )
