"""Addresses of routing's pages."""

from django.urls import path

from routing.portal import back_tests, deliveries, destinations, rule_edit, rules, try_rules, versions

urlpatterns = [
    path("deliveries/", deliveries.DeliveryList.as_view(), name="delivery-list"),
    path("deliveries/retry/", deliveries.retry, name="delivery-retry"),
    path("deliveries/cancel/", deliveries.cancel, name="delivery-cancel"),
    path("destinations/", destinations.DestinationList.as_view(), name="destination-list"),
    path("destinations/new/", destinations.DestinationCreate.as_view(), name="destination-create"),
    path("destinations/<int:pk>/", destinations.DestinationUpdate.as_view(), name="destination-update"),
    path("destinations/<int:pk>/delete/", destinations.DestinationDelete.as_view(), name="destination-delete"),
    path("destinations/<int:pk>/echo/", destinations.echo_destination, name="destination-echo"),
    path("rules/", rules.RuleList.as_view(), name="rule-list"),
    path("rules/new/", rule_edit.RuleCreate.as_view(), name="rule-create"),
    path("rules/try/", try_rules.RuleTry.as_view(), name="rule-try"),
    path("rules/<int:pk>/", rules.RuleDetail.as_view(), name="rule-detail"),
    path("rules/<int:pk>/edit/", rule_edit.RuleUpdate.as_view(), name="rule-update"),
    path("rules/<int:pk>/delete/", rules.RuleDelete.as_view(), name="rule-delete"),
    path("rules/<int:pk>/compare/", versions.RuleCompare.as_view(), name="rule-compare"),
    path("rules/<int:pk>/roll-back/", versions.roll_back_rule, name="rule-roll-back"),
    path("rules/<int:pk>/shadow/", versions.ShadowStudies.as_view(), name="rule-shadow"),
    path("rules/<int:rule_pk>/back-test/", back_tests.start, name="back-test-start"),
    path("rules/back-tests/", back_tests.BackTestList.as_view(), name="back-test-list"),
    path("rules/back-tests/<int:pk>/", back_tests.BackTestDetail.as_view(), name="back-test"),
    path("rules/back-tests/<int:pk>/csv/", back_tests.download_csv, name="back-test-csv"),
    path("rules/back-tests/<int:pk>/cancel/", back_tests.cancel, name="back-test-cancel"),
    path("rules/<int:pk>/switch/", rules.switch_rule, name="rule-switch"),
]
