"""Small pieces of HTML that templates ask for by a filter, and rows that are written without a template as they are."""

from datetime import datetime

from django.utils.safestring import SafeString

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
        return SafeString(f'<span class="badge is-bad">{sums.failed:,} failed</span>')
    if sums.under_way:
        return SafeString(f'<span class="badge is-busy">{sums.delivered:,} / {sums.total:,}</span>')
    if sums.delivered:
        return SafeString('<span class="badge is-ok">delivered</span>')
    return SafeString('<span class="badge is-still">cancelled</span>')
