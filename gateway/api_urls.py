"""Addresses of the REST API, under ``/api/v1/``; each with and without a slash at its end."""

from typing import Any

from django.urls import re_path
from rest_framework.routers import DefaultRouter

from dicomnet.api import Allowlist, RemoteNodes
from gateway.accounts.api import ApiKeys, LockOuts, Login, Logout, Me, Refresh, Users
from gateway.accounts.sites_api import Sites
from gateway.analytics import api as analytics
from gateway.api_docs import Docs, Schema
from gateway.api_root import Root
from gateway.audit.api import Audit, AuditExport, AuditVerify
from gateway.configuration.api import ConfigExport, ConfigImport, ConfigSnapshots
from gateway.nodes.api import Nodes
from gateway.problems import not_found
from gateway.trace_api import Trace
from gateway.webhooks.api import WebhookDeliveries, Webhooks
from routing.api.ai import AIPools, AIRequests, AIResults, AIWorkers
from routing.api.back_tests import BackTests
from routing.api.deliveries import Deliveries, Replay
from routing.api.destinations import Destinations
from routing.api.receipt import StudyReceipt
from routing.api.rule_test import RuleTest
from routing.api.rules import Rules
from spanner.api.federations import Members, SpanningConfigs
from spanner.api.fetches import Fetches, FetchStudy
from spanner.api.queries import QueryResults, QueryStatus
from spanner.api.search import SpannedSearch
from spanner.api.sources import Sources
from studies.api.changes import Changes
from studies.api.commitments import Commitments
from studies.api.views import UID, Conflicts, IdentityClashes, Studies, UnreadableFiles
from studies.query.keys import QueryLevel
from tiering.api.locations import Locations
from tiering.api.moves import Moves, MoveStudy, StudyLocation
from tiering.api.policies import TierPolicies

QUERY_ID = r"(?P<query_id>[0-9a-f]{32})"


class Router(DefaultRouter):
    """Takes an address with the closing slash and without it; formats have no suffixes."""

    include_format_suffixes = False
    include_root_view = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.trailing_slash = "/?"


router = Router()
router.register("studies", Studies, basename="api-study")
router.register("conflicts", Conflicts, basename="api-conflict")
router.register("unreadable-files", UnreadableFiles, basename="api-unreadable-file")
router.register("commitments", Commitments, basename="api-commitment")
router.register("identity-clashes", IdentityClashes, basename="api-identity-clash")
router.register("destinations", Destinations, basename="api-destination")
router.register("rules", Rules, basename="api-rule")
router.register("back-tests", BackTests, basename="api-back-test")
router.register("deliveries", Deliveries, basename="api-delivery")
router.register("ai/pools", AIPools, basename="api-ai-pool")
router.register("ai/workers", AIWorkers, basename="api-ai-worker")
router.register("ai/requests", AIRequests, basename="api-ai-request")
router.register("ai/results", AIResults, basename="api-ai-result")
router.register("allowlist", Allowlist, basename="api-allowlist")
router.register("remote-nodes", RemoteNodes, basename="api-remote-node")
router.register("tiers", Locations, basename="api-tier")
router.register("moves", Moves, basename="api-move")
router.register("tier-policies", TierPolicies, basename="api-tier-policy")
router.register("sources", Sources, basename="api-source")
router.register("config/spanner", SpanningConfigs, basename="api-federation")
router.register(r"config/spanner/(?P<config_pk>\d{1,18})/sources", Members, basename="api-federation-source")
router.register("config/snapshots", ConfigSnapshots, basename="api-config-snapshot")
router.register("spanner/fetches", Fetches, basename="api-fetch")
router.register("users", Users, basename="api-user")
router.register("sites", Sites, basename="api-site")
router.register("lock-outs", LockOuts, basename="api-lock-out")
router.register("webhooks", Webhooks, basename="api-webhook")
router.register(r"webhooks/(?P<webhook_pk>\d{1,18})/deliveries", WebhookDeliveries, basename="api-webhook-delivery")
router.register("api-keys", ApiKeys, basename="api-key")

urlpatterns = [
    re_path(r"^$", Root.as_view(), name="api-root"),
    re_path(r"^schema/?$", Schema.as_view(), name="api-schema"),
    re_path(r"^docs/?$", Docs.as_view(), name="api-docs"),
    re_path(r"^auth/login/?$", Login.as_view(), name="api-login"),
    re_path(r"^auth/refresh/?$", Refresh.as_view(), name="api-refresh"),
    re_path(r"^auth/logout/?$", Logout.as_view(), name="api-logout"),
    re_path(r"^auth/me/?$", Me.as_view(), name="api-me"),
    re_path(r"^system/nodes/?$", Nodes.as_view(), name="api-node-list"),
    re_path(r"^audit/?$", Audit.as_view(), name="api-audit"),
    re_path(r"^audit/verify/?$", AuditVerify.as_view(), name="api-audit-verify"),
    re_path(r"^audit/csv/?$", AuditExport.as_view(form="csv"), name="api-audit-csv"),
    re_path(r"^audit/json/?$", AuditExport.as_view(form="json"), name="api-audit-json"),
    re_path(r"^config/export/?$", ConfigExport.as_view(), name="api-config-export"),
    re_path(r"^config/import/?$", ConfigImport.as_view(), name="api-config-import"),
    re_path(r"^changes/?$", Changes.as_view(), name="api-change-list"),
    re_path(rf"^studies/(?P<study_instance_uid>{UID})/trace/?$", Trace.as_view(), name="api-study-trace"),
    re_path(rf"^studies/(?P<study_instance_uid>{UID})/receipt/?$", StudyReceipt.as_view(), name="api-study-receipt"),
    re_path(rf"^studies/(?P<study_instance_uid>{UID})/replay/?$", Replay.as_view(), name="api-study-replay"),
    re_path(rf"^studies/(?P<study_instance_uid>{UID})/location/?$", StudyLocation.as_view(), name="api-study-location"),
    re_path(rf"^studies/(?P<study_instance_uid>{UID})/move/?$", MoveStudy.as_view(), name="api-study-move"),
    re_path(r"^analytics/throughput/?$", analytics.Throughput.as_view(), name="api-analytics-throughput"),
    re_path(r"^analytics/volume/?$", analytics.Volume.as_view(), name="api-analytics-volume"),
    re_path(r"^analytics/modalities/?$", analytics.Modalities.as_view(), name="api-analytics-modalities"),
    re_path(r"^analytics/latency/?$", analytics.Latency.as_view(), name="api-analytics-latency"),
    re_path(r"^analytics/storage/?$", analytics.Storage.as_view(), name="api-analytics-storage"),
    re_path(r"^analytics/queue/?$", analytics.Queue.as_view(), name="api-analytics-queue"),
    re_path(r"^spanner/qido/studies/?$", SpannedSearch.as_view(level=QueryLevel.STUDY), name="api-span-studies"),
    re_path(r"^spanner/qido/series/?$", SpannedSearch.as_view(level=QueryLevel.SERIES), name="api-span-series"),
    re_path(r"^spanner/qido/instances/?$", SpannedSearch.as_view(level=QueryLevel.IMAGE), name="api-span-instances"),
    re_path(rf"^spanner/queries/{QUERY_ID}/status/?$", QueryStatus.as_view(), name="api-span-query-status"),
    re_path(rf"^spanner/queries/{QUERY_ID}/results/?$", QueryResults.as_view(), name="api-span-query-results"),
    re_path(r"^spanner/fetch/?$", FetchStudy.as_view(), name="api-fetch-study"),
    # Before the router: "test" is no rule's number.
    re_path(r"^rules/test/?$", RuleTest.as_view(), name="api-rule-test"),
    *router.urls,
    re_path(r"", not_found),
]
