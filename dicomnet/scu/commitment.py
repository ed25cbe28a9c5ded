"""Report the outcome of storage commitment on an association of our own (PS3.4 J.3.3, PS3.7 10.1.1).

Gantry calls, and is still the provider: it proposes the SCP role for itself (PS3.7 D.3.3.4).
"""

import time
from collections.abc import Iterator, Sequence

from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom.dsutils import encode

from dicomnet.commitment import PUSH_MODEL, PUSH_MODEL_INSTANCE, CommitmentReport, failure_in_words
from dicomnet.scu.association import Peer, PeerError, RequestorAssociation, Role
from dicomnet.wire import pdu

N_EVENT_REPORT_RQ = b"\x00\x01"
EVENT_TYPE_ID = 0x1002


def send_reports(peer: Peer, reports: Sequence[CommitmentReport]) -> Iterator[tuple[CommitmentReport, str]]:
    """Send reports over one association; yields each with the failure that it was answered with, or nothing.

    A device that does not speak of roles is sent its reports all the same: many take them, and the others say no.

    Raises:
        PeerError: nobody listens, the peer rejects, takes no reports, or went away in the middle.
    """
    contexts = [(PUSH_MODEL, str(syntax)) for syntax in (ExplicitVRLittleEndian, ImplicitVRLittleEndian)]
    with RequestorAssociation(peer, contexts, roles={PUSH_MODEL: Role(is_scu=False, is_scp=True)}) as assoc:
        for report in reports:
            yield report, _send(assoc, report)


def _send(assoc: RequestorAssociation, report: CommitmentReport) -> str:
    (_, syntax), context_id = next(iter(assoc.contexts.items()))
    data = encode(report.event_information(), UID(syntax).is_implicit_VR, is_little_endian=True)
    if data is None:
        raise PeerError("the report cannot be encoded, see the log")
    message_id, timeout_seconds = assoc.next_message_id(), assoc.peer.dimse_timeout_seconds
    request = [
        (pdu.AFFECTED_SOP_CLASS_UID, pdu.encode_uid(PUSH_MODEL)),
        (pdu.COMMAND_FIELD, N_EVENT_REPORT_RQ),
        (pdu.MESSAGE_ID, pdu.encode_us(message_id)),
        (pdu.COMMAND_DATA_SET_TYPE, pdu.HAS_DATA_SET),
        (pdu.AFFECTED_SOP_INSTANCE_UID, pdu.encode_uid(PUSH_MODEL_INSTANCE)),
        (EVENT_TYPE_ID, pdu.encode_us(report.event_type)),
    ]
    assoc.write(assoc.message(context_id, request, data), timeout_seconds)
    response = assoc.read_status(message_id, timeout_seconds)
    if response.has_data_set:
        assoc.read(time.monotonic() + timeout_seconds)  # an Event Reply, of which the standard has none here
    return failure_in_words(response.status or 0)
