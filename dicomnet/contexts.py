"""Which presentation contexts the listener accepts (PS3.8 9.3.3.2, PS3.7 D.3.2).

Storage is open: every SOP Class that is not one of another service is taken, private ones and those of later editions
too, in every transfer syntax that can be read. Of several in one context the requestor's first choice is taken, since
that is what it holds; only Implicit VR yields to Explicit VR, which says more.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pydicom.uid import (
    UID,
    AllTransferSyntaxes,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)
from pynetdicom.pdu_primitives import SCP_SCU_RoleSelectionNegotiation
from pynetdicom.presentation import PresentationContext, build_context
from pynetdicom.service_class import VerificationServiceClass
from pynetdicom.sop_class import uid_to_service_class

from dicomnet.commitment import PUSH_MODEL
from dicomnet.find import FIND_MODELS
from dicomnet.sop_classes import is_storage

READABLE = frozenset(AllTransferSyntaxes)
# Of identifiers: they have no pixels, and a deflated one would be the only message without a limit.
IDENTIFIER_SYNTAXES = frozenset({ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian})
ANSWER_SYNTAXES = frozenset({ImplicitVRLittleEndian, ExplicitVRLittleEndian})  # what matches are written in
_RETIRED = UID("1.2.840.10008.1.20")  # Papyrus 3 Implicit VR Little Endian, which nobody reads


@dataclass(frozen=True)
class Roles:
    """What a requestor proposes to be, by abstract syntax (PS3.7 D.3.3.4); of the others it is the SCU.

    Attributes:
        scp: where it wants to be the SCP.
        scu: where it wants to be the SCU, too; of what is named in ``scp`` only.
    """

    scp: frozenset[str] = frozenset()
    scu: frozenset[str] = frozenset()

    @classmethod
    def proposed(cls, user_information: Iterable[object]) -> "Roles":
        """The roles in the user information of an A-ASSOCIATE request."""
        items = [item for item in user_information if isinstance(item, SCP_SCU_RoleSelectionNegotiation)]
        as_scp = [item for item in items if item.scp_role]
        return cls(
            frozenset(str(item.sop_class_uid) for item in as_scp),
            frozenset(str(item.sop_class_uid) for item in as_scp if item.scu_role),
        )

    def is_scu(self, abstract_syntax: str) -> bool:
        """It wants to be the SCU, which is what it is where nothing is said."""
        return abstract_syntax not in self.scp or abstract_syntax in self.scu


NO_ROLES = Roles()


def narrow(
    proposed: list[PresentationContext],
    store_classes: frozenset[str] = frozenset(),
    *,
    may_commit: bool = False,
    reports: bool = False,
    queries: frozenset[str] = frozenset(),
    fetches: Roles = NO_ROLES,
    stored: Mapping[str, Sequence[str]] | None = None,
) -> list[PresentationContext]:
    """Leave each proposed context the one transfer syntax that we choose.

    Args:
        proposed: the requestor's contexts; their transfer syntaxes are narrowed in place.
        store_classes: the storage SOP Classes that this requestor may use; empty: all. Another one gets the result 3,
            "abstract syntax not supported", of PS3.8 Table 9-18: to this requestor it is not, and nobody learns from
            the answer what others may send.
        may_commit: it may ask for storage commitment.
        reports: it wants to be the provider of storage commitment, so to report on what we asked it. Any caller that
            is let in may: what it reports on is named by a Transaction UID that only the one asked knows.
        queries: SOP Classes with identifiers that it may use: those of searching and of retrieval.
        fetches: the roles that it proposed, when it may fetch by C-GET: of the storage classes in it, it is the SCP.
        stored: transfer syntaxes by SOP Class in which instances are held, the most frequent first. What it fetches is
            sent as it is stored, so of several in one context that is chosen for it.

    Returns:
        The supported contexts with which the negotiation then comes out that way: what is not among them is
        answered with "abstract syntax not supported" or "transfer syntaxes not supported".
    """
    chosen: dict[UID, list[str | UID]] = {}
    for context in proposed:
        if not context.transfer_syntax:
            # The answer needs one even where it is "not supported", and pynetdicom takes it from the proposal.
            context.transfer_syntax = [_RETIRED]
        abstract_syntax = context.abstract_syntax
        if not abstract_syntax:
            continue
        may_query = abstract_syntax in queries
        may_fetch = abstract_syntax in fetches.scp and is_storage(abstract_syntax)
        may_store = is_accepted(abstract_syntax, store_classes, may_commit=may_commit or reports)
        if not (may_query or may_fetch or may_store):
            continue
        syntaxes = chosen.setdefault(abstract_syntax, [])
        preferred = (stored or {}).get(abstract_syntax, ()) if may_fetch else ()
        choice = choose(context.transfer_syntax, _syntaxes_of(abstract_syntax) if may_query else READABLE, preferred)
        if choice is not None:
            context.transfer_syntax = [choice]
            syntaxes.append(choice)
    # A context needs a transfer syntax: one that nobody proposed makes the answer "not supported".
    supported = [
        build_context(abstract_syntax, syntaxes or [ExplicitVRLittleEndian])
        for abstract_syntax, syntaxes in chosen.items()
    ]
    for context in supported:
        if context.abstract_syntax == PUSH_MODEL:
            # Who asks is the user, we are the provider; who reports says that it is the other way (PS3.7 D.3.3.4).
            context.scu_role, context.scp_role = may_commit, reports
        elif context.abstract_syntax in fetches.scp and is_storage(context.abstract_syntax):
            may_store = is_accepted(context.abstract_syntax, store_classes)
            context.scu_role = may_store and fetches.is_scu(context.abstract_syntax)
            context.scp_role = True
    return supported


def is_accepted(abstract_syntax: UID, store_classes: frozenset[str] = frozenset(), *, may_commit: bool = False) -> bool:
    """Verification, every known storage class, and every class that no service claims; of these only some if so.

    Storage commitment is for those who may ask for it, or report on what we asked them.
    """
    if abstract_syntax == PUSH_MODEL:
        return may_commit
    if is_storage(abstract_syntax):
        return not store_classes or abstract_syntax in store_classes
    return uid_to_service_class(abstract_syntax) is VerificationServiceClass


def _syntaxes_of(query: UID) -> frozenset[UID]:
    return ANSWER_SYNTAXES if query in FIND_MODELS else IDENTIFIER_SYNTAXES


def choose(
    proposed: list[UID], readable_syntaxes: frozenset[UID] = READABLE, preferred: Sequence[str] = ()
) -> UID | None:
    """The transfer syntax to accept, a preferred one if it can be; None when none can be read."""
    readable = [syntax for syntax in proposed if syntax in readable_syntaxes]
    for syntax in preferred:
        if syntax in readable:
            return UID(syntax)
    if not readable:
        return None
    if readable[0] == ImplicitVRLittleEndian and ExplicitVRLittleEndian in readable:
        return ExplicitVRLittleEndian
    return readable[0]
