"""SOP Class Extended Negotiation: which options of a SOP Class hold on an association (PS3.7 D.3.3.5)."""

from typing import Any, cast

from pynetdicom import evt

from dicomnet.find import FIND_MODELS, grant
from dicomnet.retrieval import RETRIEVE_CLASSES
from dicomnet.scp.association import AcceptedAssociation
from dicomnet.services import services_for


def on_sop_extended(event: evt.Event) -> dict[str, bytes]:
    """Answer what the requestor wants of each SOP Class; what nobody here knows is not answered, so not granted."""
    assoc = cast(AcceptedAssociation, event.assoc)
    answers: dict[str, bytes] = {}
    services = services_for(assoc.record.called_ae_title)
    proposed: dict[Any, bytes] = cast(Any, event).app_info
    for uid, wanted in proposed.items():
        if uid in FIND_MODELS and assoc.record.rights.may_find and services is not None:
            answers[str(uid)] = grant(bytes(wanted), services.find_options())
        known = RETRIEVE_CLASSES.get(str(uid))
        if known is not None and known.may_be_relational and known.is_allowed(assoc.record.rights):
            answers[str(uid)] = retrieve_options(bytes(wanted))
            if answers[str(uid)][0]:
                assoc.record.relational.add(str(uid))
    return answers


def retrieve_options(wanted: bytes) -> bytes:
    """Service-class-application-information of retrieval (PS3.4 C.5.2.1, C.5.3.1).

    Args:
        wanted: byte 1 relational retrieval, byte 2 conversion of enhanced multi-frame images, which we do not do.
    """
    is_relational = wanted[:1] == b"\x01"
    return bytes([is_relational]) + b"\0" * (len(wanted[:2]) - 1)
