"""What every page of the portal needs: the sections a person may see, and what asks for attention."""

from dataclasses import dataclass
from functools import partial
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from dicomnet.faults import fault_file
from gateway.portal.attention import WANTED, Attention
from gateway.viewer.ohif import is_installed


@dataclass(frozen=True)
class Section:
    """One entry of the side bar."""

    label: str | Promise
    url_name: str
    icon: str
    permission: str
    url_names: tuple[str, ...] = ()


SECTIONS = (
    Section(_("Dashboard"), "dashboard", "dashboard", ""),
    Section(
        _("Studies"),
        "study-list",
        "studies",
        "studies.view_study",
        ("study-detail", "series-instances", "study-receipt", "upload", "viewer", "batch"),
    ),
    Section(
        _("All archives"),
        "span-search",
        "archives",
        "studies.view_study",
        (
            "span-found",
            "fetch-list",
            "fetch",
            "source-list",
            "source",
            "source-create",
            "source-update",
            "source-delete",
            "federation-create",
            "federation-update",
            "federation-delete",
        ),
    ),
    Section(_("Deliveries"), "delivery-list", "deliveries", "routing.view_delivery", ("delivery-detail",)),
    Section(
        _("Destinations"),
        "destination-list",
        "destinations",
        "routing.view_destination",
        ("destination-create", "destination-update", "destination-delete"),
    ),
    Section(
        _("Rules"),
        "rule-list",
        "rules",
        "routing.view_rule",
        (
            "rule-create",
            "rule-update",
            "rule-delete",
            "rule-detail",
            "rule-try",
            "rule-compare",
            "rule-shadow",
            "back-test-list",
            "back-test",
        ),
    ),
    Section(
        _("AI workers"),
        "ai-board",
        "ai",
        "routing.view_aipool",
        (
            "ai-pool-create",
            "ai-pool-update",
            "ai-worker-create",
            "ai-worker-update",
            "ai-request-list",
            "ai-result-list",
        ),
    ),
    Section(
        _("Allowlist"),
        "allowlist",
        "allowlist",
        "dicomnet.view_allowlistentry",
        (
            "allowlist-create",
            "allowlist-update",
            "allowlist-delete",
            "remote-node-list",
            "remote-node-create",
            "remote-node-update",
            "remote-node-delete",
        ),
    ),
    Section(_("Conflicts"), "conflict-list", "conflicts", "studies.view_conflict", ("identity-clash-list", "odd-list")),
    Section(_("Commitments"), "commitment-list", "check", "studies.view_commitment", ("commitment-detail",)),
    Section(
        _("Tiers"),
        "tier-list",
        "tiers",
        "tiering.view_location",
        (
            "location-create",
            "location-update",
            "location-delete",
            "move-list",
            "move",
            "tier-cost",
            "tier-changes",
            "damage-list",
            "policy",
            "policy-create",
            "policy-update",
            "policy-delete",
        ),
    ),
    Section(
        _("Users"),
        "user-list",
        "users",
        "accounts.view_user",
        (
            "user-create",
            "user-update",
            "user-password",
            "user-delete",
            "user-factor",
            "site-list",
            "site-create",
            "site-update",
            "site-delete",
            "api-key-list",
            "api-key-create",
            "api-key-sites",
            "api-key-revoke",
        ),
    ),
    Section(
        _("Webhooks"),
        "webhook-list",
        "echo",
        "webhooks.view_webhook",
        ("webhook", "webhook-create", "webhook-update", "webhook-delete", "webhook-secret"),
    ),
    Section(_("Audit"), "audit", "history", "audit.view_auditrecord", ("audit-disclosures",)),
    Section(
        _("System"),
        "system",
        "system",
        "studies.view_study",
        ("system-events", "licences", "configuration", "configuration-import", "configuration-snapshot"),
    ),
)


def portal(request: HttpRequest) -> dict[str, Any]:
    """Django context processor; the counts are callables, so that only the side bar asks the database."""
    user = getattr(request, "user", None)
    faults = fault_file().read().names() if settings.GANTRY.faults else []
    if user is None or not user.is_authenticated:
        return {"ae_title": settings.GANTRY.ae_title, "faults": faults}
    match = request.resolver_match
    url_name = match.url_name if match else None
    seen = [section for section in SECTIONS if not section.permission or user.has_perm(section.permission)]
    attention = Attention(tuple(section.url_name for section in seen if section.url_name in WANTED))
    sections = [
        {
            "label": section.label,
            "url_name": section.url_name,
            "icon": section.icon,
            "is_current": url_name == section.url_name or url_name in section.url_names,
            "count": partial(attention.of, section.url_name) if section.url_name in WANTED else None,
        }
        for section in seen
    ]
    return {
        "ae_title": settings.GANTRY.ae_title,
        "faults": faults,
        "may_ohif": is_installed,
        "sections": sections,
        "alerts": partial(_alerts, sections),
    }


def _alerts(sections: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The sections in which something asks for attention, with its number and what it is."""
    counts = [(section, section["count"]()) for section in sections if section["count"]]
    return [
        {
            "url_name": section["url_name"],
            "number": number,
            "words": ALERTS.get(section["url_name"], str(section["label"]).lower()),
        }
        for section, number in counts
        if number
    ]


# What each of these counts, on the dashboard.
ALERTS = {
    "delivery-list": _("deliveries failed"),
    "conflict-list": _("conflicts and identity clashes nobody has seen"),
    "commitment-list": _("storage commitments not reported"),
    "ai-board": _("AI results in quarantine"),
    "tier-list": _("tiers, moves or copies that want help"),
    "span-search": _("archives that do not answer"),
}
