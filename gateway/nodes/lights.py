"""When a light changes, from up to down and back: noted once for each host."""

from gateway.health import Check, audit_checks, check_api, check_disk, checks
from gateway.nodes.models import EventKind, SystemEvent
from gateway.nodes.outbox import Outbox

_KINDS = (EventKind.LIGHT_BAD, EventKind.LIGHT_OK)


class Lights:
    """What each light was.

    One that this process never saw up is not said to have gone down: at a start most are not up yet, and not every host
    has all.
    """

    def __init__(self, node_name: str, outbox: Outbox) -> None:
        self._node_name = node_name
        self._outbox = outbox
        self._were: dict[str, bool] | None = None

    def look(self) -> None:
        """Compare with the last look.

        Raises:
            DatabaseError: at the first look, which asks what was noted before this process had the watch.
        """
        if self._were is None:
            self._were = self._noted_as_down()
        for check in [*checks(), check_api(), check_disk(), *audit_checks()]:
            self._compare(check, self._were)

    def _noted_as_down(self) -> dict[str, bool]:
        events = SystemEvent.objects.filter(node=self._node_name, kind__in=_KINDS).order_by("at", "pk")
        last = dict(events.values_list("subject", "kind"))
        return {subject: False for subject, kind in last.items() if kind == EventKind.LIGHT_BAD}

    def _compare(self, check: Check, were: dict[str, bool]) -> None:
        was = were.get(check.label)
        if was is None and not check.is_ok:
            return
        were[check.label] = check.is_ok
        if was not in {None, check.is_ok}:
            kind = EventKind.LIGHT_OK if check.is_ok else EventKind.LIGHT_BAD
            self._outbox.note(kind, check.label, check.words)
