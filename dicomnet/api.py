"""API: the allowlist."""

from rest_framework.viewsets import ModelViewSet

from dicomnet.models import AllowlistEntry
from dicomnet.strict import StrictModelSerializer


class AllowlistEntrySerializer(StrictModelSerializer):
    """One line of the allowlist."""

    class Meta:
        model = AllowlistEntry
        fields = [
            "id",
            "calling_ae_title",
            "network",
            "called_ae_title",
            "may_echo",
            "may_store",
            "may_find",
            "may_move",
            "may_get",
            "may_commit",
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
