"""Routing in Django admin: destinations and rules to edit, versions and deliveries to look at."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.models import AbstractBaseUser
from django.forms import ModelForm
from django.http import HttpRequest

from routing.models import AIPool, AIRequest, AIResult, AIWorker, Delivery, Destination, ProofRequest, Rule, RuleVersion
from routing.rules import save_rule
from studies.admin import ReadOnlyAdmin


@admin.register(Destination)
class DestinationAdmin(admin.ModelAdmin):
    """Destinations; how a lane did lately is shown, not edited."""

    list_display = ["name", "ae_title", "host", "port", "tls", "is_enabled", "last_success_at", "last_error"]
    list_filter = ["is_enabled"]
    search_fields = ["name", "ae_title", "host"]
    exclude = ["secret"]  # nobody sees it, and only the page and the API encrypt one


@admin.register(Rule)
class RuleAdmin(admin.ModelAdmin):
    """Rules; saved as the portal saves them, so that each change is a version."""

    list_display = ["name", "order", "is_enabled", "priority", "version", "updated_at"]
    list_filter = ["is_enabled"]
    filter_horizontal = ["destinations"]
    readonly_fields = ["version"]

    def save_model(self, request: HttpRequest, obj: Rule, form: ModelForm, change: bool) -> None:
        """Save as a version; Django calls save_related after this, which then finds nothing to change."""
        author = request.user if isinstance(request.user, AbstractBaseUser) else None
        save_rule(obj, destinations=form.cleaned_data["destinations"], author=author)


@admin.register(RuleVersion)
class RuleVersionAdmin(ReadOnlyAdmin):
    """Versions of rules."""

    list_display = ["rule", "number", "author", "created_at"]
    list_select_related = ["rule", "author"]


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin):
    """Deliveries; the portal retries and cancels them."""

    list_display = ["pk", "destination", "state", "attempts", "status", "last_error", "next_attempt_at", "delivered_at"]
    list_filter = ["state", "destination"]
    list_select_related = ["destination"]
    search_fields = ["instance__sop_instance_uid"]

    @admin.display(description="last status")
    def status(self, delivery: Any) -> str:
        """The peer's last answer in words."""
        words: str = delivery.status_in_words
        return words


@admin.register(ProofRequest)
class ProofRequestAdmin(ReadOnlyAdmin):
    """Questions to destinations whether they keep what they took; made and answered by themselves."""

    list_display = ["pk", "destination", "kind", "state", "asked_at", "answered_at", "proven", "missing", "last_error"]
    list_filter = ["state", "destination"]
    list_select_related = ["destination"]
    search_fields = ["transaction_uid"]


@admin.register(AIPool)
class AIPoolAdmin(admin.ModelAdmin):
    """Pools of AI workers."""

    list_display = ["name", "algorithm", "strategy", "is_enabled"]
    filter_horizontal = ["result_destinations"]
    exclude = ["result_sop_classes"]  # the portal and the API write it in its normal form


@admin.register(AIWorker)
class AIWorkerAdmin(admin.ModelAdmin):
    """AI workers; how one did lately is shown, not edited."""

    list_display = ["name", "pool", "ae_title", "host", "port", "is_enabled", "last_result_at", "last_error"]
    list_filter = ["pool", "is_enabled"]
    list_select_related = ["pool"]


@admin.register(AIRequest)
class AIRequestAdmin(ReadOnlyAdmin):
    """Requests; the portal retries and cancels them."""

    list_display = ["pk", "pool", "worker", "state", "attempts", "created_at", "answered_at", "last_error"]
    list_filter = ["state", "pool"]
    list_select_related = ["pool", "worker"]


@admin.register(AIResult)
class AIResultAdmin(ReadOnlyAdmin):
    """Results; the portal releases them."""

    list_display = ["pk", "worker", "verdict", "reason", "judged_at", "released_by"]
    list_filter = ["verdict"]
    list_select_related = ["worker"]
