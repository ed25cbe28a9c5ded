"""Addresses of the pages of tiers."""

from django.urls import path

from tiering.portal import costs, locations, moves, policies, records

urlpatterns = [
    path("tiers/", locations.Tiers.as_view(), name="tier-list"),
    path("tiers/new/", locations.LocationCreate.as_view(), name="location-create"),
    path("tiers/<int:pk>/", locations.LocationUpdate.as_view(), name="location-update"),
    path("tiers/<int:pk>/delete/", locations.LocationDelete.as_view(), name="location-delete"),
    path("tiers/<int:pk>/test/", locations.test_location, name="location-test"),
    path("tiers/cost/", costs.CostPage.as_view(), name="tier-cost"),
    path("tiers/changes/", records.TierChanges.as_view(), name="tier-changes"),
    path("tiers/changes.csv", records.tier_changes_csv, name="tier-changes-csv"),
    path("tiers/damage/", records.DamageList.as_view(), name="damage-list"),
    path("tiers/policies/new/", policies.PolicyCreate.as_view(), name="policy-create"),
    path("tiers/policies/<int:pk>/", policies.PolicyDetail.as_view(), name="policy"),
    path("tiers/policies/<int:pk>/edit/", policies.PolicyUpdate.as_view(), name="policy-update"),
    path("tiers/policies/<int:pk>/delete/", policies.PolicyDelete.as_view(), name="policy-delete"),
    path("tiers/moves/", moves.MoveList.as_view(), name="move-list"),
    path("tiers/moves/<int:pk>/", moves.MoveDetail.as_view(), name="move"),
    path("tiers/moves/<int:pk>/cancel/", moves.cancel_move, name="move-cancel"),
    path("tiers/moves/<int:pk>/retry/", moves.retry_move, name="move-retry"),
    path("studies/<str:study_instance_uid>/move/state/", moves.study_move_state, name="study-move-state"),
    path("studies/<str:study_instance_uid>/move/", moves.move_study, name="study-move"),
]
