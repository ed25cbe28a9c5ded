"""API: studies, their instances and files, conflicts and identity clashes."""

import os
from typing import Any

from django.db.models import QuerySet
from django.http import FileResponse
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import action
from rest_framework.exceptions import APIException
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ReadOnlyModelViewSet

from studies.api.filters import ConflictFilter, IdentityClashFilter, StudyFilter
from studies.api.serializers import (
    ConflictSerializer,
    IdentityClashSerializer,
    InstanceSerializer,
    StudyDetailSerializer,
    StudySerializer,
    UnreadableFileSerializer,
)
from studies.errors import InstanceMissing, InstanceOffline
from studies.integrity import open_instance
from studies.models import Conflict, IdentityClash, Instance, Study, UnreadableFile
from studies.problems import Recalled
from studies.selectors import conflicts, identity_clashes, instances_of

UID = r"[0-9.]{1,64}"
DICOM = "application/dicom"


class FileUnavailable(APIException):
    """The index names a file that cannot be opened now."""

    status_code = 503
    default_detail = "The file of this instance cannot be read from the store now; see the log of the server."


class JsonWhateverIsAsked(BaseContentNegotiation):
    """For an address with one format of its own: errors are JSON, even for a client that accepts DICOM only."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        """The first."""
        return parsers[0]

    def select_renderer(self, request: Request, renderers: Any, format_suffix: Any = None) -> Any:
        """The first."""
        return renderers[0], renderers[0].media_type


class Studies(ReadOnlyModelViewSet[Study]):
    """Stored studies, newest first."""

    queryset = Study.objects.all()
    serializer_class = StudySerializer
    filterset_class = StudyFilter
    lookup_field = "study_instance_uid"
    lookup_value_regex = UID
    ordering_fields = [
        "received_at",
        "last_received_at",
        "study_date",
        "patient_id",
        "patient_name",
        "accession_number",
        "number_of_study_related_instances",
        "size_bytes",
    ]
    ordering = ["-received_at"]
    action_permissions = {
        "instances": "studies.view_instance",
        "file": "studies.view_instance",
    }

    def get_queryset(self) -> QuerySet[Study]:
        """With series and labels where they are shown."""
        return Study.objects.prefetch_related("series", "labels") if self.action == "retrieve" else Study.objects.all()

    def get_serializer_class(self) -> Any:
        """The page of one study shows more."""
        return StudyDetailSerializer if self.action == "retrieve" else StudySerializer

    @extend_schema(responses=InstanceSerializer(many=True))
    @action(detail=True, filterset_class=None, ordering_fields=None, ordering=None)
    def instances(self, request: Request, study_instance_uid: str) -> Response:
        """All instances of a study, in the order in which they came."""
        study = get_object_or_404(Study, study_instance_uid=study_instance_uid)
        found: Any = instances_of(study).select_related("series")
        page = self.paginate_queryset(self.filter_queryset(found))
        return self.get_paginated_response(InstanceSerializer(page, many=True).data)

    @extend_schema(
        responses={(200, DICOM): OpenApiTypes.BINARY},
        parameters=[OpenApiParameter("sop_instance_uid", str, OpenApiParameter.PATH)],
    )
    @action(
        detail=True,
        url_path=rf"instances/(?P<sop_instance_uid>{UID})/file",
        content_negotiation_class=JsonWhateverIsAsked,
    )
    def file(self, request: Request, study_instance_uid: str, sop_instance_uid: str) -> FileResponse:
        """The DICOM file (PS3.10) of an instance: its data set as it was received, byte by byte."""
        instance = get_object_or_404(
            Instance,
            series__study__study_instance_uid=study_instance_uid,
            sop_instance_uid=sop_instance_uid,
            is_primary=True,
        )
        try:
            opened = open_instance(instance)
        except InstanceOffline as error:
            raise Recalled(error) from error
        except InstanceMissing as error:
            raise FileUnavailable from error
        response = FileResponse(
            os.fdopen(opened, "rb"), as_attachment=True, filename=f"{instance.sop_instance_uid}.dcm", content_type=DICOM
        )
        response["X-Content-Type-Options"] = "nosniff"
        return response


class Conflicts(ReadOnlyModelViewSet[Conflict]):
    """SOP Instance UIDs that came in again with other content; both contents are kept."""

    queryset = conflicts()
    serializer_class = ConflictSerializer
    filterset_class = ConflictFilter
    lookup_value_regex = r"\d{1,18}"
    ordering_fields = ["received_at", "resolved_at"]


class UnreadableFiles(ReadOnlyModelViewSet[UnreadableFile]):
    """Files that no reader understands; each is kept as it came, in the folder “odd” of the spool."""

    queryset = UnreadableFile.objects.all()
    serializer_class = UnreadableFileSerializer
    lookup_value_regex = r"\d{1,18}"
    ordering_fields = ["found_at", "size_bytes"]


class IdentityClashes(ReadOnlyModelViewSet[IdentityClash]):
    """Instances that name another patient or order than their study, which goes on showing what came in first."""

    queryset = identity_clashes()
    serializer_class = IdentityClashSerializer
    filterset_class = IdentityClashFilter
    lookup_value_regex = r"\d{1,18}"
    ordering_fields = ["received_at", "last_received_at", "resolved_at"]
