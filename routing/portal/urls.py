"""Addresses of routing's pages."""

from django.urls import path

from routing.portal import ai, deliveries, destinations, holds, receipt, rules, try_rules

urlpatterns = [
    path("studies/<str:study_instance_uid>/receipt/", receipt.study_receipt, name="study-receipt"),
    path("studies/<str:study_instance_uid>/receipt.csv", receipt.study_receipt_csv, name="study-receipt-csv"),
    path("deliveries/", deliveries.DeliveryList.as_view(), name="delivery-list"),
    path("deliveries/retry/", deliveries.retry, name="delivery-retry"),
    path("deliveries/cancel/", deliveries.cancel, name="delivery-cancel"),
    path("deliveries/<int:pk>/", deliveries.DeliveryDetail.as_view(), name="delivery-detail"),
    path("destinations/", destinations.DestinationList.as_view(), name="destination-list"),
    path("destinations/new/", destinations.DestinationCreate.as_view(), name="destination-create"),
    path("destinations/<int:pk>/", destinations.DestinationUpdate.as_view(), name="destination-update"),
    path("destinations/<int:pk>/delete/", destinations.DestinationDelete.as_view(), name="destination-delete"),
    path("destinations/<int:pk>/echo/", destinations.echo_destination, name="destination-echo"),
    path("destinations/<int:pk>/hold/", holds.hold, name="destination-hold"),
    path("rules/", rules.RuleList.as_view(), name="rule-list"),
    path("rules/new/", rules.RuleCreate.as_view(), name="rule-create"),
    path("rules/try/", try_rules.RuleTry.as_view(), name="rule-try"),
    path("rules/<int:pk>/", rules.RuleDetail.as_view(), name="rule-detail"),
    path("rules/<int:pk>/edit/", rules.RuleUpdate.as_view(), name="rule-update"),
    path("rules/<int:pk>/delete/", rules.RuleDelete.as_view(), name="rule-delete"),
    path("rules/<int:pk>/switch/", rules.switch_rule, name="rule-switch"),
    path("ai/", ai.AIBoard.as_view(), name="ai-board"),
    path("ai/pools/new/", ai.AIPoolCreate.as_view(), name="ai-pool-create"),
    path("ai/pools/<int:pk>/", ai.AIPoolUpdate.as_view(), name="ai-pool-update"),
    path("ai/workers/new/", ai.AIWorkerCreate.as_view(), name="ai-worker-create"),
    path("ai/workers/<int:pk>/", ai.AIWorkerUpdate.as_view(), name="ai-worker-update"),
    path("ai/workers/<int:pk>/echo/", ai.echo, name="ai-worker-echo"),
    path("ai/requests/", ai.AIRequestList.as_view(), name="ai-request-list"),
    path("ai/requests/<int:pk>/retry/", ai.retry_request, name="ai-request-retry"),
    path("ai/requests/<int:pk>/cancel/", ai.cancel_request, name="ai-request-cancel"),
    path("ai/results/", ai.AIResultList.as_view(), name="ai-result-list"),
    path("ai/results/<int:pk>/release/", ai.release_result, name="ai-result-release"),
    path("ai/results/<int:pk>/keep/", ai.keep_result, name="ai-result-keep"),
]
