"""API: back-tests of drafts and of saved rules on stored history, with progress, results and CSV."""

from copy import copy
from typing import Any

from django.http import StreamingHttpResponse
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from dicomnet.strict import StrictSerializer, refuse_unknown
from routing.api.fields import ConditionsField
from routing.api.rules import author_of
from routing.backtest import results, run
from routing.backtest.download import csv_response
from routing.backtest.models import BackTest, BackTestStudy
from routing.models import Rule, RuleScope
from routing.rules import definition_of


class BackTestSerializer(serializers.ModelSerializer[BackTest]):
    """One draft on the studies of the last days: how far it is, and what it found."""

    author = serializers.CharField(source="author.username", default=None, allow_null=True, read_only=True)
    live_version = serializers.IntegerField(source="draft.live_version", allow_null=True, read_only=True)
    reads_files = serializers.SerializerMethodField(
        help_text="False: judged by the index alone. True: by the header of one instance of each series."
    )

    class Meta:
        model = BackTest
        fields = [
            "id",
            "rule",
            "draft",
            "live_version",
            "days",
            "since",
            "author",
            "state",
            "reads_files",
            "total",
            "judged",
            "matched",
            "differing",
            "unreadable",
            "last_error",
            "created_at",
            "finished_at",
        ]

    def get_reads_files(self, back_test: BackTest) -> bool:
        """As the page says it."""
        return run.reads_files(back_test)


class StartSerializer(StrictSerializer):
    """What to judge: a saved rule as it is, or with what is given here in place of its own."""

    rule = serializers.PrimaryKeyRelatedField(queryset=Rule.objects.all(), required=False)
    days = serializers.IntegerField(default=30, min_value=1, max_value=run.MAXIMUM_DAYS)
    name = serializers.CharField(max_length=64, required=False)
    order = serializers.IntegerField(required=False, min_value=-(2**31), max_value=2**31 - 1)
    scope = serializers.ChoiceField(choices=RuleScope.choices, required=False)
    conditions = ConditionsField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """A rule or conditions, of which an empty list matches every instance."""
        if "rule" not in attrs and "conditions" not in attrs:
            raise ValidationError("Give a rule, or conditions, or both.")
        return attrs

    def start(self, author: Any) -> BackTest:
        """Have it judged."""
        values = dict(self.validated_data)
        rule, days = values.pop("rule", None), values.pop("days")
        draft = copy(rule) if rule is not None else Rule(name="Draft")
        for name, value in values.items():
            setattr(draft, name, value)
        named = (rule.destinations.all(), rule.ai_pools.all()) if rule is not None else ((), ())
        return run.start_back_test(definition_of(draft, *named), rule=rule, days=days, author=author)


class BackTestStudySerializer(serializers.ModelSerializer[BackTestStudy]):
    """A study that the draft or the live version matches."""

    study_instance_uid = serializers.CharField(source="study.study_instance_uid")
    study_date = serializers.CharField(source="study.study_date")
    modalities_in_study = serializers.ListField(source="study.modalities", child=serializers.CharField())

    class Meta:
        model = BackTestStudy
        fields = ["study_instance_uid", "study_date", "modalities_in_study", "by_draft", "by_live", "instance_count"]


class HasEnded(APIException):
    """There is nothing to cancel any more."""

    status_code = status.HTTP_409_CONFLICT


OUTCOME = OpenApiParameter("outcome", enum=list(results.OUTCOMES), default="all")


class BackTests(mixins.ListModelMixin, mixins.RetrieveModelMixin, GenericViewSet[BackTest]):
    """What a draft would have matched, newest first."""

    queryset = BackTest.objects.select_related("rule", "author")
    serializer_class = BackTestSerializer
    lookup_value_regex = r"\d{1,18}"
    ordering_fields = ["created_at"]
    action_permissions = {
        "studies": "studies.view_study",
        "as_csv": "studies.view_study",
        "cancel": "routing.add_backtest",
    }

    @extend_schema(request=StartSerializer, responses={202: BackTestSerializer})
    def create(self, request: Request) -> Response:
        """Start one; ask for it again to see how far it is."""
        given = StartSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        return Response(BackTestSerializer(given.start(author_of(request))).data, status=status.HTTP_202_ACCEPTED)

    @extend_schema(request=None, responses=BackTestSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        """Stop it; what was found so far stays."""
        back_test = self.get_object()
        if not run.cancel(back_test):
            raise HasEnded(f"This back-test is {back_test.get_state_display().lower()} already.")
        return Response(BackTestSerializer(self.get_object()).data)

    @extend_schema(parameters=[OUTCOME], responses=BackTestStudySerializer(many=True))
    @action(detail=True, ordering_fields=None)
    def studies(self, request: Request, pk: str) -> Response:
        """The studies that the draft or the live version matches."""
        found: Any = results.studies_of(self._existing(pk), _outcome(request))
        page: Any = self.paginate_queryset(found)
        return self.get_paginated_response(BackTestStudySerializer(page, many=True).data)

    @extend_schema(parameters=[OUTCOME], responses={(200, "text/csv"): OpenApiTypes.STR})
    @action(detail=True, url_path="csv", url_name="csv", ordering_fields=None, pagination_class=None)
    def as_csv(self, request: Request, pk: str) -> StreamingHttpResponse:
        """The same as a table for a spreadsheet, with patient and order."""
        return csv_response(self._existing(pk), _outcome(request))

    def _existing(self, pk: str) -> BackTest:
        return get_object_or_404(self.get_queryset(), pk=pk)


def _outcome(request: Request) -> str:
    refuse_unknown(request.query_params, {"outcome", "page", "page_size"})
    outcome = request.query_params.get("outcome", "all")
    if outcome not in results.OUTCOMES:
        raise ValidationError({"outcome": [f"Give one of {', '.join(results.OUTCOMES)}."]})
    return outcome
