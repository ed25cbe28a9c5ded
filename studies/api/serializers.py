"""Studies, series, instances, conflicts and identity clashes as JSON; all are only read."""

from rest_framework import serializers

from dicomnet.strict import StrictModelSerializer
from studies.api.fields import DicomDateField
from studies.models import Conflict, IdentityClash, Instance, Series, Study, StudyLabel, UnreadableFile


class StudySerializer(StrictModelSerializer):
    """A study in the list."""

    patient_birth_date = DicomDateField(read_only=True)
    study_date = DicomDateField(read_only=True)
    modalities_in_study = serializers.ListField(source="modalities", child=serializers.CharField(), read_only=True)

    class Meta:
        model = Study
        fields = [
            "study_instance_uid",
            "patient_id",
            "issuer_of_patient_id",
            "patient_name",
            "patient_birth_date",
            "patient_sex",
            "study_date",
            "study_time",
            "accession_number",
            "study_id",
            "study_description",
            "referring_physician_name",
            "institution_name",
            "modalities_in_study",
            "number_of_study_related_series",
            "number_of_study_related_instances",
            "size_bytes",
            "calling_ae_title",
            "tier",
            "received_at",
            "last_received_at",
            "completed_at",
        ]


class SeriesSerializer(StrictModelSerializer):
    """A series within its study."""

    series_date = DicomDateField(read_only=True)

    class Meta:
        model = Series
        fields = [
            "series_instance_uid",
            "modality",
            "series_number",
            "series_date",
            "series_time",
            "series_description",
            "body_part_examined",
            "manufacturer",
            "station_name",
            "number_of_series_related_instances",
            "size_bytes",
        ]


class StudyDetailSerializer(StudySerializer):
    """One study with its series."""

    series = SeriesSerializer(many=True, read_only=True)
    labels = serializers.SlugRelatedField[StudyLabel](slug_field="label", many=True, read_only=True)

    class Meta(StudySerializer.Meta):
        fields = [*StudySerializer.Meta.fields, "series", "labels"]


class InstanceSerializer(StrictModelSerializer):
    """An instance within its study."""

    series_instance_uid = serializers.CharField(source="series.series_instance_uid", read_only=True)
    modality = serializers.CharField(source="series.modality", read_only=True)

    class Meta:
        model = Instance
        fields = [
            "sop_instance_uid",
            "series_instance_uid",
            "modality",
            "sop_class_uid",
            "transfer_syntax_uid",
            "instance_number",
            "number_of_frames",
            "rows",
            "columns",
            "size_bytes",
            "sha256",
            "is_primary",
            "header_note",
            "calling_ae_title",
            "called_ae_title",
            "source_address",
            "received_at",
            "indexed_at",
            "planned_at",
        ]


class ConflictSerializer(StrictModelSerializer):
    """A SOP Instance UID that came in again with other bytes."""

    sop_instance_uid = serializers.CharField(source="instance.sop_instance_uid", read_only=True)
    study_instance_uid = serializers.CharField(source="instance.series.study.study_instance_uid", read_only=True)
    first_sha256 = serializers.CharField(
        source="instance.sha256", read_only=True, help_text="Of the primary content: the first, or the one chosen."
    )
    first_calling_ae_title = serializers.CharField(source="instance.calling_ae_title", read_only=True)
    other_sha256 = serializers.CharField(source="other.sha256", read_only=True)
    other_calling_ae_title = serializers.CharField(source="other.calling_ae_title", read_only=True)
    other_source_address = serializers.CharField(source="other.source_address", read_only=True)

    class Meta:
        model = Conflict
        fields = [
            "id",
            "sop_instance_uid",
            "study_instance_uid",
            "first_sha256",
            "first_calling_ae_title",
            "other_sha256",
            "other_calling_ae_title",
            "other_source_address",
            "received_at",
            "resolved_at",
            "resolved_by",
        ]


class IdentityClashSerializer(StrictModelSerializer):
    """Instances of a study that name another patient or order than the study."""

    study_instance_uid = serializers.CharField(source="study.study_instance_uid", read_only=True)
    sop_instance_uid = serializers.CharField(
        source="instance.sop_instance_uid", read_only=True, help_text="The first with the other value."
    )
    calling_ae_title = serializers.CharField(source="instance.calling_ae_title", read_only=True)

    class Meta:
        model = IdentityClash
        fields = [
            "id",
            "study_instance_uid",
            "sop_instance_uid",
            "calling_ae_title",
            "attribute",
            "study_value",
            "instance_value",
            "number_of_instances",
            "received_at",
            "last_received_at",
            "resolved_at",
            "resolved_by",
        ]


class UnreadableFileSerializer(StrictModelSerializer):
    """A file that no reader understands."""

    class Meta:
        model = UnreadableFile
        fields = ["id", "name", "reason", "size_bytes", "found_at"]
