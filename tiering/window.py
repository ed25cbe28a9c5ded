"""When a policy may ask for moves: a time of day from and to, past midnight when it ends before it begins."""

from datetime import datetime

from django.utils import timezone

from tiering.models import Policy


def is_open(policy: Policy, now: datetime) -> bool:
    """Whether the policy's window is open at this moment; one without a window always is."""
    begins, ends, at = policy.runs_from, policy.runs_until, timezone.localtime(now).time()
    if begins is None or ends is None or begins == ends:
        return True
    if begins < ends:
        return begins <= at < ends
    return at >= begins or at < ends
