"""Which presentation contexts the listener accepts (PS3.8 9.3.3.2, PS3.7 D.3.2).

Storage is open: every SOP Class that is not one of another service is taken, private ones and those of later editions
too, in every transfer syntax that can be read. Of several in one context the requestor's first choice is taken, since
that is what it holds; only Implicit VR yields to Explicit VR, which says more.
"""

from pydicom.uid import UID, AllTransferSyntaxes, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom.presentation import PresentationContext, build_context
from pynetdicom.service_class import VerificationServiceClass
from pynetdicom.sop_class import uid_to_service_class

from dicomnet.commitment import PUSH_MODEL
from dicomnet.find import FIND_MODELS
from dicomnet.sop_classes import is_storage

READABLE = frozenset(AllTransferSyntaxes)
ENCODED = frozenset({ImplicitVRLittleEndian, ExplicitVRLittleEndian})  # what responses are written in
_RETIRED = UID("1.2.840.10008.1.20")  # Papyrus 3 Implicit VR Little Endian, which nobody reads


def narrow(
    proposed: list[PresentationContext],
    store_classes: frozenset[str] = frozenset(),
    *,
    may_commit: bool = False,
    reports: bool = False,
    may_find: bool = False,
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
        may_find: it may search.

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
        if not abstract_syntax or not is_accepted(
            abstract_syntax, store_classes, may_commit=may_commit or reports, may_find=may_find
        ):
            continue
        syntaxes = chosen.setdefault(abstract_syntax, [])
        choice = choose(context.transfer_syntax, ENCODED if abstract_syntax in FIND_MODELS else READABLE)
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
    return supported


def is_accepted(
    abstract_syntax: UID,
    store_classes: frozenset[str] = frozenset(),
    *,
    may_commit: bool = False,
    may_find: bool = False,
) -> bool:
    """Verification, every known storage class, and every class that no service claims; of these only some if so.

    Storage commitment is for those who may ask for it, or report on what we asked them; queries for those who may
    search.
    """
    if abstract_syntax in FIND_MODELS:
        return may_find
    if abstract_syntax == PUSH_MODEL:
        return may_commit
    if is_storage(abstract_syntax):
        return not store_classes or abstract_syntax in store_classes
    return uid_to_service_class(abstract_syntax) is VerificationServiceClass


def choose(proposed: list[UID], known: frozenset[UID] = READABLE) -> UID | None:
    """The transfer syntax to accept; None when none can be read."""
    readable = [syntax for syntax in proposed if syntax in known]
    if not readable:
        return None
    if readable[0] == ImplicitVRLittleEndian and ExplicitVRLittleEndian in readable:
        return ExplicitVRLittleEndian
    return readable[0]
