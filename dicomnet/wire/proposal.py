"""What an association is asked for and what the peer grants (PS3.8 9.3.2, 9.3.3; PS3.7 D.3.3).

pynetdicom encodes the request and decodes the acceptance; nothing of it touches the network.
"""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pynetdicom.pdu import A_ASSOCIATE_AC, A_ASSOCIATE_RQ
from pynetdicom.pdu_primitives import (
    A_ASSOCIATE,
    AsynchronousOperationsWindowNegotiation,
    ImplementationClassUIDNotification,
    ImplementationVersionNameNotification,
    MaximumLengthNotification,
    SCP_SCU_RoleSelectionNegotiation,
)
from pynetdicom.presentation import PresentationContext, build_context
from pynetdicom.transport import AddressInformation

from dicomnet.part10 import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from dicomnet.wire import pdu
from dicomnet.wire.inbox import MAXIMUM_PDU_BYTES
from dicomnet.wire.peer import Peer, PeerError

APPLICATION_CONTEXT_NAME = "1.2.840.10008.3.1.1.1"  # PS3.7 A.2.1
MAXIMUM_CONTEXTS = 128
MINIMUM_PDU_BYTES = 16  # a PDV header and something in it

_MALFORMED = "the peer accepted the association with a malformed PDU"
# All that pynetdicom's decoders raise on bytes that are no acceptance; they use assert, too.
_UNDECODABLE = (
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    NotImplementedError,
    AssertionError,
    struct.error,
)


@dataclass(frozen=True)
class Role:
    """What we want to be for one abstract syntax (PS3.7 D.3.3.4); a requestor is SCU where nothing is said."""

    is_scu: bool = True
    is_scp: bool = False


@dataclass(frozen=True)
class Proposal:
    """What to ask for.

    Attributes:
        contexts: (abstract syntax, transfer syntax), one presentation context each: nothing is ever transcoded.
        roles: by abstract syntax, where they differ from the default.
        window: how many operations we want to have outstanding (PS3.7 D.3.3.3); 1 is not worth asking for.
    """

    contexts: Sequence[tuple[str, str]]
    roles: Mapping[str, Role]
    window: int = 1

    def __post_init__(self) -> None:
        if len(self.contexts) > MAXIMUM_CONTEXTS:
            text = f"an association takes {MAXIMUM_CONTEXTS} presentation contexts, not {len(self.contexts)}"
            raise ValueError(text)


@dataclass(frozen=True)
class Acceptance:
    """What the peer granted.

    Attributes:
        contexts: presentation context ID by (abstract syntax, transfer syntax).
        roles: by abstract syntax, for those that were asked for.
        window: how many operations may be outstanding.
        maximum_pdu_bytes: the greatest P-DATA-TF PDU, less its header of 6 bytes; 0 for no limit (PS3.8 D.1).
    """

    contexts: dict[tuple[str, str], int]
    roles: dict[str, Role]
    window: int
    maximum_pdu_bytes: int


def encode_request(peer: Peer, proposal: Proposal) -> bytes:
    """The A-ASSOCIATE-RQ PDU.

    Raises:
        PeerError: an AE title or a UID is none.
    """
    primitive = A_ASSOCIATE()
    try:
        primitive.application_context_name = APPLICATION_CONTEXT_NAME
        primitive.calling_ae_title, primitive.called_ae_title = peer.calling_ae_title, peer.ae_title
        # pynetdicom wants both; neither is in the PDU.
        primitive.calling_presentation_address = AddressInformation("127.0.0.1", 0)
        primitive.called_presentation_address = AddressInformation("127.0.0.1", 0)
        primitive.presentation_context_definition_list = _contexts(proposal)
        primitive.user_information = _user_information(proposal)
        request = A_ASSOCIATE_RQ()
        request.from_primitive(primitive)
        encoded: bytes = request.encode()
    except (TypeError, ValueError) as error:
        raise PeerError(f"{peer} cannot be called: {error}") from error
    return encoded


def _contexts(proposal: Proposal) -> list[PresentationContext]:
    contexts = [build_context(abstract, transfer) for abstract, transfer in proposal.contexts]
    for number, context in enumerate(contexts):
        context.context_id = 2 * number + 1
    return contexts


def _user_information(proposal: Proposal) -> list[Any]:
    length = MaximumLengthNotification()
    length.maximum_length_received = MAXIMUM_PDU_BYTES
    class_uid = ImplementationClassUIDNotification()
    class_uid.implementation_class_uid = IMPLEMENTATION_CLASS_UID
    version = ImplementationVersionNameNotification()
    version.implementation_version_name = IMPLEMENTATION_VERSION_NAME
    found: list[Any] = [length, class_uid, version]
    if proposal.window != 1:
        window = AsynchronousOperationsWindowNegotiation()
        window.maximum_number_operations_invoked = proposal.window
        window.maximum_number_operations_performed = 1
        found.append(window)
    for abstract_syntax, role in proposal.roles.items():
        selection = SCP_SCU_RoleSelectionNegotiation()
        selection.sop_class_uid = abstract_syntax
        selection.scu_role, selection.scp_role = role.is_scu, role.is_scp
        found.append(selection)
    return found


def decode_acceptance(body: bytes, proposal: Proposal) -> Acceptance:
    """Read the body of an A-ASSOCIATE-AC PDU.

    Raises:
        PeerError: it is malformed.
    """
    answer = A_ASSOCIATE_AC()
    try:
        answer.decode(pdu.PDU_HEADER.pack(pdu.A_ASSOCIATE_AC, len(body)) + body)
        primitive = answer.to_primitive()
        answers = primitive.presentation_context_definition_results_list
        results = [
            (context.context_id or 0, str(context.transfer_syntax[0]))
            for context in answers
            if context.result == 0 and context.transfer_syntax
        ]
    except _UNDECODABLE as error:
        raise PeerError(_MALFORMED) from error
    if not answers:  # to say that nothing is accepted each context has to be answered (PS3.8 9.3.3.2)
        raise PeerError(_MALFORMED)
    proposed = {2 * number + 1: pair for number, pair in enumerate(proposal.contexts)}
    # A transfer syntax that was not proposed is a defect of the peer: that context cannot be used.
    contexts = {pair: number for number, syntax in results if (pair := proposed.get(number)) and pair[1] == syntax}
    roles = {abstract_syntax: Role() for abstract_syntax in proposal.roles}
    window, maximum = 1, 0
    for item in primitive.user_information:
        if isinstance(item, AsynchronousOperationsWindowNegotiation):
            window = item.maximum_number_operations_invoked or proposal.window
        elif isinstance(item, MaximumLengthNotification):
            maximum = item.maximum_length_received
        elif isinstance(item, SCP_SCU_RoleSelectionNegotiation) and str(item.sop_class_uid) in roles:
            roles[str(item.sop_class_uid)] = Role(bool(item.scu_role), bool(item.scp_role))
    if 0 < maximum < MINIMUM_PDU_BYTES:
        raise PeerError(f"the peer takes PDUs of {maximum} bytes at most, in which nothing fits")
    return Acceptance(contexts, roles, min(window, proposal.window), maximum)
