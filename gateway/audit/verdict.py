"""The verdict on the audit trail: it is verified as a whole, and what was found is kept for the page."""

from django.utils import timezone

from gateway.audit.journal import take_in
from gateway.audit.models import Verification
from gateway.audit.verify import Looked, verify

KEPT = 100  # findings in words; all of them are counted, and the command says all


def verify_all(*, by: str) -> Verification:
    """Verify every record; takes some two minutes for a million."""
    take_in()
    began_at, looked = timezone.now(), Looked()
    findings: list[str] = []
    faults = 0
    for fault in verify(looked):
        faults += fault.count
        if len(findings) < KEPT:
            findings.append(str(fault))
    return Verification.objects.create(
        began_at=began_at,
        ended_at=timezone.now(),
        asked_by=by[:150],
        records=looked.records,
        faults=faults,
        findings=findings,
    )


def last_verdict() -> Verification | None:
    """What was found last."""
    return Verification.objects.first()
