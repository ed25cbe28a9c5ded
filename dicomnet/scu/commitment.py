"""Report the outcome of storage commitment on an association of our own (PS3.4 J.3.3, PS3.7 10.1.1).

Gantry calls, and is still the provider: it proposes the SCP role for itself (PS3.7 D.3.3.4).
"""

from collections.abc import Iterator, Sequence
from typing import Any

from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import AE
from pynetdicom.presentation import build_context, build_role

from dicomnet.commitment import PUSH_MODEL, PUSH_MODEL_INSTANCE, CommitmentReport
from dicomnet.part10 import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from dicomnet.scu.association import Peer, PeerError
from dicomnet.statuses import in_words


def send_reports(peer: Peer, reports: Sequence[CommitmentReport]) -> Iterator[tuple[CommitmentReport, str]]:
    """Send reports over one association; yields each with what is wrong with its answer, empty for success.

    Raises:
        PeerError: nobody listens, the peer rejects, takes no reports, or went away in the middle.
    """
    assoc = _associate(peer)
    try:
        for number, report in enumerate(reports, start=1):
            yield report, send_report(assoc, report, number)
        assoc.release()
    finally:
        if assoc.is_established:
            assoc.abort()


def send_report(assoc: Any, report: CommitmentReport, message_id: int = 1) -> str:
    """Send one N-EVENT-REPORT over an open association of pynetdicom and wait for its answer.

    Returns:
        The failure that it answered with; empty when it took the report.

    Raises:
        PeerError: it did not answer.
    """
    try:
        status, _ = assoc.send_n_event_report(
            report.event_information(),
            report.event_type,
            PUSH_MODEL,
            PUSH_MODEL_INSTANCE,
            msg_id=message_id,
        )
    except (RuntimeError, ValueError) as error:
        raise PeerError(f"the report cannot be sent: {error}") from error
    if "Status" not in status:
        raise PeerError("the peer did not answer the report")
    if status.Status and not 0xB000 <= status.Status <= 0xBFFF:
        return f"the device answered the report with {in_words(status.Status)}"
    return ""


def _associate(peer: Peer) -> Any:
    ae = AE(ae_title=peer.calling_ae_title)
    ae.connection_timeout = peer.connect_timeout_seconds
    ae.acse_timeout = peer.acse_timeout_seconds
    ae.dimse_timeout = peer.dimse_timeout_seconds
    ae.network_timeout = peer.dimse_timeout_seconds
    ae.implementation_class_uid = IMPLEMENTATION_CLASS_UID
    ae.implementation_version_name = IMPLEMENTATION_VERSION_NAME
    try:
        assoc = ae.associate(
            peer.host,
            peer.port,
            contexts=[build_context(PUSH_MODEL, [ExplicitVRLittleEndian, ImplicitVRLittleEndian])],
            ae_title=peer.ae_title,
            ext_neg=[build_role(PUSH_MODEL, scp_role=True)],
        )
    except (OSError, RuntimeError, TypeError, ValueError) as error:
        raise PeerError(f"{peer} cannot be called: {error}") from error
    if assoc.is_rejected:
        raise PeerError(f"{peer} rejected the association")
    if not assoc.is_established:
        raise PeerError(f"{peer} did not answer, or takes no reports of storage commitment")
    return assoc
