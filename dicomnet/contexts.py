"""Which presentation contexts the listener accepts (PS3.8 9.3.3.2, PS3.7 D.3.2).

Storage is open: every SOP Class that is not one of another service is taken, private ones and those of later editions
too, in every transfer syntax that can be read. Of several in one context the requestor's first choice is taken, since
that is what it holds; only Implicit VR yields to Explicit VR, which says more.
"""

from pydicom.uid import UID, AllTransferSyntaxes, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom.presentation import PresentationContext, build_context
from pynetdicom.service_class import ServiceClass, StorageServiceClass, VerificationServiceClass
from pynetdicom.sop_class import uid_to_service_class

READABLE = frozenset(AllTransferSyntaxes)


def narrow(proposed: list[PresentationContext]) -> list[PresentationContext]:
    """Leave each proposed context the one transfer syntax that we choose.

    Returns:
        The supported contexts with which the negotiation then comes out that way: what is not among them is
        answered with "abstract syntax not supported" or "transfer syntaxes not supported".
    """
    chosen: dict[UID, list[str | UID]] = {}
    for context in proposed:
        if context.abstract_syntax is None or not is_accepted(context.abstract_syntax):
            continue
        syntaxes = chosen.setdefault(context.abstract_syntax, [])
        choice = choose(context.transfer_syntax)
        if choice is not None:
            context.transfer_syntax = [choice]
            syntaxes.append(choice)
    return [
        # A context needs a transfer syntax: one that nobody proposed makes the answer "not supported".
        build_context(abstract_syntax, syntaxes or [ExplicitVRLittleEndian])
        for abstract_syntax, syntaxes in chosen.items()
    ]


def is_accepted(abstract_syntax: UID) -> bool:
    """Verification, every known storage class, and every class that no service claims."""
    service = uid_to_service_class(abstract_syntax)
    return service in {StorageServiceClass, VerificationServiceClass, ServiceClass}


def choose(proposed: list[UID]) -> UID | None:
    """The transfer syntax to accept; None when none can be read."""
    readable = [syntax for syntax in proposed if syntax in READABLE]
    if not readable:
        return None
    if readable[0] == ImplicitVRLittleEndian and ExplicitVRLittleEndian in readable:
        return ExplicitVRLittleEndian
    return readable[0]
