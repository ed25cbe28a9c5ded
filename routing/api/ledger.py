"""API: the books of the ledger, and how the lanes stand."""

from typing import Any

from rest_framework import serializers

from routing.ledger import accounts, intake


class AccountSerializer(serializers.Serializer[Any]):
    """One destination's side of the books."""

    destination = serializers.IntegerField()
    destination_name = serializers.CharField()
    acknowledged = serializers.IntegerField(help_text="Instances that rules or persons want there.")
    delivered = serializers.IntegerField()
    pending = serializers.IntegerField(help_text="Waiting or being sent.")
    dead = serializers.IntegerField(help_text="Failed for good, until somebody retries them.")
    cancelled = serializers.IntegerField(help_text="By a person.")
    is_balanced = serializers.BooleanField()


class IntakeSerializer(serializers.Serializer[Any]):
    """All instances, by what the rules said of them."""

    acknowledged = serializers.IntegerField()
    routed = serializers.IntegerField(help_text="They have at least one line in the ledger.")
    discarded = serializers.IntegerField(help_text="A rule said that they go nowhere.")
    unmatched = serializers.IntegerField(help_text="No rule sends them anywhere.")
    unplanned = serializers.IntegerField(help_text="The rules have not seen them yet.")
    is_balanced = serializers.BooleanField()


class LedgerSerializer(serializers.Serializer[Any]):
    """The books."""

    destinations = AccountSerializer(many=True)
    instances = IntakeSerializer()


class LaneSerializer(serializers.Serializer[Any]):
    """How a destination's lane stands."""

    destination = serializers.IntegerField(source="destination.pk")
    destination_name = serializers.CharField(source="destination.name")
    state = serializers.ChoiceField(choices=["up", "paused", "closed", "off"])
    waiting = serializers.IntegerField()
    sending = serializers.IntegerField()
    failed = serializers.IntegerField()
    delivered_last_day = serializers.IntegerField()
    oldest_waiting_at = serializers.DateTimeField(allow_null=True)
    instances_per_second = serializers.FloatField(help_text="In the last five minutes.")
    drains_at = serializers.DateTimeField(allow_null=True, help_text="Null when nothing waits or moves.")
    opens_at = serializers.DateTimeField(allow_null=True, help_text="When its window opens; null when it is open.")


def ledger() -> dict[str, Any]:
    """What the serializer shows."""
    return {"destinations": accounts(), "instances": intake()}
