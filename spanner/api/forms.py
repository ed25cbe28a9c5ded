"""The forms of federated answers, for the description of the API; they are not what writes them."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

from spanner.answers import State
from studies.dicomweb.search_terms import MAXIMUM_RESULTS

STATES = [state.value for state in State]
WAITING = "waiting"
PAGES = [
    OpenApiParameter(
        "limit",
        {"type": "integer", "minimum": 0, "maximum": MAXIMUM_RESULTS, "default": MAXIMUM_RESULTS},
        description="Results at most.",
    ),
    OpenApiParameter("offset", {"type": "integer", "minimum": 0}, description="So many are left out at the beginning."),
]


class SourceStateSerializer(serializers.Serializer[Any]):
    """How a source answered."""

    name = serializers.CharField()
    state = serializers.ChoiceField(choices=STATES)
    count = serializers.IntegerField()
    milliseconds = serializers.FloatField()
    error = serializers.CharField(help_text="Why it is not whole.")
    age_seconds = serializers.FloatField(help_text="How long ago it was given; 0: it was asked for just now.")


class ProvenanceSerializer(serializers.Serializer[Any]):
    """Where a result comes from."""

    sources = serializers.ListField(child=serializers.CharField())
    is_conflicting = serializers.BooleanField(help_text="Another patient has the same UID: look at both.")
    differing = serializers.ListField(child=serializers.CharField(), help_text="Tags that sources differ in.")


class FederatedAnswerSerializer(serializers.Serializer[Any]):
    """What the archives of a federation found."""

    results = serializers.ListField(child=serializers.DictField(), help_text="DICOM JSON (PS3.18 F.2).")
    sources = SourceStateSerializer(many=True)
    is_complete = serializers.BooleanField(help_text="Every source answered, and said all that it has.")
    total = serializers.IntegerField(help_text="Results, of which these are a page.")
    provenance = ProvenanceSerializer(many=True, help_text="Of each result.")


class ResultsSoFarSerializer(FederatedAnswerSerializer):
    """What was found until now."""

    is_finished = serializers.BooleanField(help_text="Nothing more comes.")
    waiting = serializers.ListField(child=serializers.CharField(), help_text="Sources that have not answered yet.")


class AcceptedSerializer(serializers.Serializer[Any]):
    """Where the answer will be."""

    query_id = serializers.CharField()
    status_url = serializers.URLField()
    results_url = serializers.URLField()


class SourceProgressSerializer(SourceStateSerializer):
    """How far a source is."""

    state = serializers.ChoiceField(choices=[WAITING, *STATES])


class QueryStatusSerializer(serializers.Serializer[Any]):
    """How far a question is."""

    query_id = serializers.CharField()
    is_finished = serializers.BooleanField()
    is_complete = serializers.BooleanField()
    percent = serializers.IntegerField()
    asked_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)
    expires_at = serializers.DateTimeField(help_text="Until then the answer is kept.")
    sources = SourceProgressSerializer(many=True)
    results_url = serializers.URLField()
