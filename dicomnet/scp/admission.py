"""Admit or reject an association by the allowlist, and choose its presentation contexts (PS3.8 9.3.4)."""

import logging
from typing import cast

from pynetdicom import evt
from pynetdicom.pdu_primitives import A_ASSOCIATE

from dicomnet.allowlist import Allowlist
from dicomnet.contexts import narrow
from dicomnet.metrics import ASSOCIATIONS
from dicomnet.scp.association import AcceptedAssociation, source_address
from dicomnet.services import services_for
from dicomnet.statuses import REJECT_REASONS

logger = logging.getLogger(__name__)
PERMANENT, SERVICE_USER = 0x01, 0x01
CALLING_AE_TITLE_UNKNOWN, CALLED_AE_TITLE_UNKNOWN = 0x03, 0x07


def on_requested(event: evt.Event, allowlist: Allowlist) -> None:
    """Before negotiation: reject, or set what this caller may do and which contexts it gets."""
    assoc = cast(AcceptedAssociation, event.assoc)
    request = cast(A_ASSOCIATE, assoc.requestor.primitive)
    record = assoc.record
    record.calling_ae_title = (request.calling_ae_title or "").strip()
    record.called_ae_title = (request.called_ae_title or "").strip()
    if services_for(record.called_ae_title) is None:
        reject(assoc, CALLED_AE_TITLE_UNKNOWN)
        return
    rights = allowlist.rights(record.calling_ae_title, source_address(assoc), record.called_ae_title)
    if rights is None:
        reject(assoc, CALLING_AE_TITLE_UNKNOWN)
        return
    record.rights = rights
    assoc.acceptor.supported_contexts = narrow(request.presentation_context_definition_list)


def reject(assoc: AcceptedAssociation, reason: int) -> None:
    """Reject permanently; one log line, one counter."""
    words = REJECT_REASONS[SERVICE_USER, reason]
    assoc.record.refusal = words
    assoc.acse.send_reject(PERMANENT, SERVICE_USER, reason)
    ASSOCIATIONS.labels(outcome=f"rejected: {words}").inc()
    logger.warning(
        "association rejected",
        extra={
            "calling_ae_title": assoc.record.calling_ae_title,
            "called_ae_title": assoc.record.called_ae_title,
            "source_address": source_address(assoc),
            "reason": words,
        },
    )
    # It waits until the rejection is on its way: the connection is closed as soon as the handler returns.
    assoc.kill()
