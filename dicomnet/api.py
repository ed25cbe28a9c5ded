"""API: the allowlist, and where devices listen."""

from collections.abc import Callable
from typing import Any

from django.core.exceptions import ValidationError as DjangoValidationError
from rest_framework import serializers
from rest_framework.viewsets import ModelViewSet

from dicomnet.models import AllowlistEntry, RemoteNode
from dicomnet.restrictions import normal_certificates, normal_move_destinations, normal_sop_classes
from dicomnet.strict import StrictModelSerializer


class NormalListField(serializers.ListField):
    """A list of texts that is kept in one form, however it was written."""

    child = serializers.CharField(max_length=300)

    def __init__(self, normal: Callable[[Any], list[str]], **kwargs: Any) -> None:
        self.normal = normal
        super().__init__(required=False, **kwargs)

    def to_internal_value(self, data: Any) -> list[str]:
        """The normal form."""
        try:
            return self.normal(super().to_internal_value(data))
        except DjangoValidationError as error:
            raise serializers.ValidationError(error.messages) from error


class AllowlistEntrySerializer(StrictModelSerializer):
    """One line of the allowlist."""

    certificates = NormalListField(
        normal_certificates,
        help_text="SHA-256 fingerprints, common names or subject alternative names, one of which the caller's "
        "certificate must have; empty: none is needed.",
    )
    sop_classes = NormalListField(
        normal_sop_classes,
        help_text="UIDs or keywords of the storage SOP Classes that may be stored; answered as UIDs; empty: all.",
    )
    move_destinations = NormalListField(
        normal_move_destinations, help_text="AE titles that may be named as destination of C-MOVE; empty: all known."
    )

    class Meta:
        model = AllowlistEntry
        fields = [
            "id",
            "calling_ae_title",
            "network",
            "called_ae_title",
            "requires_tls",
            "certificates",
            "may_echo",
            "may_store",
            "may_find",
            "may_move",
            "may_get",
            "may_commit",
            "sop_classes",
            "move_destinations",
            "comment",
            "created_at",
        ]
        read_only_fields = ["created_at"]


class Allowlist(ModelViewSet[AllowlistEntry]):
    """Who may call this gateway, and for what; what no entry allows is refused."""

    queryset = AllowlistEntry.objects.all()
    serializer_class = AllowlistEntrySerializer
    lookup_value_regex = r"\d{1,18}"
    ordering_fields = ["calling_ae_title", "network", "created_at"]


class RemoteNodeSerializer(StrictModelSerializer):
    """Where a device listens."""

    class Meta:
        model = RemoteNode
        fields = ["id", "ae_title", "host", "port", "tls", "tls_server_name", "comment", "created_at"]
        read_only_fields = ["created_at"]


class RemoteNodes(ModelViewSet[RemoteNode]):
    """Where devices listen: Gantry calls them back there with results of storage commitment."""

    queryset = RemoteNode.objects.all()
    serializer_class = RemoteNodeSerializer
    lookup_value_regex = r"\d{1,18}"
    ordering_fields = ["ae_title", "host", "created_at"]
