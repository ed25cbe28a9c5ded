"""Small pieces of HTML that templates ask for by a filter, and rows that are written without a template as they are."""

from datetime import datetime

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from gateway.portal import words
from routing.selectors import Deliveries


def moment(at: datetime | None, now: datetime) -> SafeString:
    """A moment relative to now, with the absolute one at hand; nothing for no moment."""
    if at is None:
        return SafeString("")
    return SafeString(
        f'<time datetime="{at:%Y-%m-%dT%H:%M:%SZ}" title="{at:%Y-%m-%d %H:%M:%S} UTC">{words.relative(at, now)}</time>'
    )


def deliveries_sum(sums: Deliveries | None) -> SafeString:
    """A badge that says the worst of it."""
    if not sums:
        return SafeString('<span class="soft">\N{EN DASH}</span>')
    if sums.failed:
        return _badge("bad", _("%(failed)s failed") % {"failed": words.number(sums.failed)})
    if sums.under_way:
        return _badge("busy", f"{words.number(sums.delivered)} / {words.number(sums.total)}")
    if sums.delivered:
        return _badge("ok", _("delivered"))
    return _badge("still", _("cancelled"))


def _badge(state: str, text: str) -> SafeString:
    return SafeString(f'<span class="badge is-{state}">{text}</span>')
