"""``/metrics``: counters of all processes of this host, and figures read from rows at the moment of asking."""

import logging
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address

import django
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError
from django.db.models import Count, Min
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from django_prometheus.exports import ExportToDjangoView
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily
from prometheus_client.metrics_core import Metric

from gateway.accounts.authentication import api_key_of
from gateway.accounts.models import Scope
from gateway.audit.syslog.tell import backlog, standing
from gateway.nodes.figures import node_figures
from gateway.webhooks.models import Webhook
from gateway.webhooks.selectors import oldest_seconds, standings
from routing.ai.board import quarantined
from routing.models import AIRequest, Delivery, DeliveryState
from spanner.models import Source, SourceAnswer
from studies.commitments.selectors import counts_by_state
from studies.dimse import local_spool
from studies.models import Instance
from studies.selectors import open_counts, stored_totals
from studies.sight import whole
from tiering.models import Damage

logger = logging.getLogger(__name__)
_PROXY_HEADERS = ("HTTP_FORWARDED", "HTTP_X_FORWARDED_FOR", "HTTP_X_REAL_IP")


@require_safe
@never_cache
@login_not_required
def metrics(request: HttpRequest) -> HttpResponse:
    """For programs on this machine, and for holders of an API key with the scope ``metrics``."""
    if not (is_from_this_machine(request) or _has_metrics_scope(request)):
        return HttpResponse("An API key with the scope metrics is needed.\n", status=403, content_type="text/plain")
    response: HttpResponse = ExportToDjangoView(request)  # knows whether several processes share their counters
    registry = CollectorRegistry(auto_describe=False)
    registry.register(RowCollector())
    with whole():  # counts of the archive, for which nobody signs in as a person
        response.content += generate_latest(registry)
    return response


def is_from_this_machine(request: HttpRequest) -> bool:
    """Whether a process of this machine asks for itself: behind a proxy every caller has its address."""
    if any(header in request.META for header in _PROXY_HEADERS):
        return False
    try:
        return ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False


def _has_metrics_scope(request: HttpRequest) -> bool:
    try:
        api_key = api_key_of(request)
    except DatabaseError:
        return False
    return api_key is not None and Scope.METRICS in api_key.scopes


@dataclass(frozen=True)
class RowCollector:
    """Figures from the database and the spool; what cannot be read is left out, never the whole answer."""

    def collect(self) -> Iterator[Metric]:
        """All families (the interface of prometheus_client)."""
        yield InfoMetricFamily("gantry_build", "What runs here.", {"django": django.get_version()})
        yield from _spool()
        try:
            found = [*_archive(), *_ledger(), *_ai(), *_span(), *_audit(), *_webhooks(), *node_figures()]
        except DatabaseError as error:
            logger.warning("no figures from the database", extra={"error": type(error).__name__})
            found = []
        yield GaugeMetricFamily("gantry_database_up", "1 when the database answers.", value=1 if found else 0)
        yield from found


def _archive() -> Iterator[Metric]:
    totals = stored_totals()
    yield GaugeMetricFamily("gantry_studies", "Stored studies.", value=totals.studies)
    yield GaugeMetricFamily("gantry_instances", "Stored instances.", value=totals.instances)
    yield GaugeMetricFamily("gantry_stored_bytes", "Bytes of stored instances.", value=totals.size_bytes)
    unplanned = Instance.objects.filter(planned_at=None).count()
    commitments = GaugeMetricFamily("gantry_commitments", "Requests for storage commitment.", labels=["state"])
    for state, count in counts_by_state().items():
        commitments.add_metric([state], count)
    yield commitments
    yield GaugeMetricFamily("gantry_instances_unplanned", "Instances that no rule has seen yet.", value=unplanned)
    asking = open_counts()
    words = "%s that nobody has marked as seen."
    yield GaugeMetricFamily("gantry_conflicts_open", words % "Conflicts", value=asking.conflicts)
    yield GaugeMetricFamily("gantry_identity_clashes_open", words % "Identity clashes", value=asking.identity_clashes)
    damage = Damage.objects.filter(repaired_at=None).count()
    yield GaugeMetricFamily("gantry_damage_open", "What is damaged and could not be repaired yet.", value=damage)


def _ledger() -> Iterator[Metric]:
    deliveries = GaugeMetricFamily("gantry_deliveries", "Deliveries in the ledger.", labels=["state", "destination"])
    oldest = GaugeMetricFamily(
        "gantry_delivery_oldest_pending_seconds", "Age of the oldest waiting delivery.", labels=["destination"]
    )
    rows = (
        Delivery.objects.order_by("destination__name", "state")
        .values_list("destination__name", "state")
        .annotate(count=Count("pk"))
    )
    for name, state, count in rows:
        deliveries.add_metric([state, name], count)
    waiting = (
        Delivery.objects.filter(state=DeliveryState.PENDING)
        .order_by("destination__name")
        .values_list("destination__name")
        .annotate(oldest=Min("queued_at"))
    )
    for name, since in waiting:
        oldest.add_metric([name], _age_seconds(since))
    yield deliveries
    yield oldest


def _ai() -> Iterator[Metric]:
    requests = GaugeMetricFamily("gantry_ai_requests", "Requests to AI workers.", labels=["state", "pool"])
    rows = AIRequest.objects.order_by("pool__name", "state").values_list("pool__name", "state")
    for name, state, count in rows.annotate(count=Count("pk")):
        requests.add_metric([state, name], count)
    yield requests
    words = "Results of AI workers that are quarantined and not decided on."
    yield GaugeMetricFamily("gantry_ai_results_quarantined", words, value=quarantined().count())


def _span() -> Iterator[Metric]:
    up = GaugeMetricFamily(
        "gantry_span_source_up", "1 when a source is asked; 0: it failed too often.", labels=["source"]
    )
    for name, open_until in Source.objects.filter(is_enabled=True).values_list("name", "open_until"):
        up.add_metric([name], int(open_until is None))
    yield up
    waiting = SourceAnswer.objects.filter(state="").count()
    words = "Answers of sources that queries wait for which are fetched later."
    yield GaugeMetricFamily("gantry_span_answers_waiting", words, value=waiting)


def _audit() -> Iterator[Metric]:
    """Only where a syslog receiver is told of the audit trail."""
    if settings.GANTRY.audit_syslog is None:
        return
    words = "Records of the audit trail that the syslog receiver does not have yet."
    yield GaugeMetricFamily("gantry_audit_syslog_backlog", words, value=backlog())
    words = "Attempts to tell it that failed since it last went well."
    yield GaugeMetricFamily("gantry_audit_syslog_failures", words, value=standing().failures)


def _webhooks() -> Iterator[Metric]:
    waiting = GaugeMetricFamily("gantry_webhook_deliveries", "Messages to webhooks.", labels=["webhook", "state"])
    words = "Age of the oldest message that waits for a webhook."
    oldest = GaugeMetricFamily("gantry_webhook_oldest_waiting_seconds", words, labels=["webhook"])
    for each in standings(Webhook.objects.filter(is_enabled=True)):
        name = each.webhook.name
        waiting.add_metric([name, "pending"], each.waiting)
        waiting.add_metric([name, "dead"], each.dead)
        oldest.add_metric([name], oldest_seconds(each))
    yield waiting
    yield oldest


def _age_seconds(since: datetime) -> float:
    return max(0.0, (timezone.now() - since).total_seconds())


def _spool() -> Iterator[Metric]:
    """Files that are received and not yet indexed; their names begin with the time, so the least is the oldest."""
    try:
        intake = local_spool().intake.poll()
        entries = [entry for shard in (settings.GANTRY.spool_dir / "new").iterdir() for entry in os.scandir(shard)]
        oldest = min(entries, key=lambda entry: entry.name, default=None)
        age = max(0.0, time.time() - oldest.stat().st_mtime) if oldest else 0.0
    except OSError:  # not there before the first start, or a file was indexed while it was looked at
        return
    yield GaugeMetricFamily("gantry_spool_files", "Received instances that wait for the index.", value=len(entries))
    yield GaugeMetricFamily("gantry_spool_oldest_seconds", "Age of the oldest of them.", value=age)
    is_open, is_suspect = int(intake.is_open), int(intake.is_suspect)
    yield GaugeMetricFamily("gantry_intake_open", "1 when instances are taken from everybody.", value=is_open)
    yield GaugeMetricFamily("gantry_spool_suspect", "1 when the spool's disk failed.", value=is_suspect)
    yield GaugeMetricFamily("gantry_spool_used_percent", "Share of the fuller disk in use.", value=intake.used_percent)
