"""What Gantry's API answers with and takes, as far as gantry_client needs it; the API says more than stands here."""

from typing import Any, Literal, TypedDict

Tier = Literal["hot", "cold", "archive"]
Level = Literal["studies", "series", "instances"]
Priority = Literal["stat", "high", "routine", "backfill"]
DeliveryState = Literal["pending", "sending", "delivered", "confirmed", "dead", "cancelled"]


class Tokens(TypedDict):
    """What signing in and renewing answer with."""

    access: str
    refresh: str


class StudyFilters(TypedDict, total=False):
    """What the list of studies can be asked for; text is found anywhere, ``*`` and ``?`` are wildcards."""

    patient_id: str
    patient_name: str
    accession_number: str
    modality: str
    study_date_from: str
    study_date_to: str
    description: str
    tier: Tier
    q: str
    sender: str
    received_from: str
    received_to: str
    label: str
    is_complete: bool
    is_odd: bool
    ordering: str


class Study(TypedDict):
    """A study in the list."""

    study_instance_uid: str
    patient_id: str
    patient_name: str
    patient_birth_date: str
    study_date: str
    accession_number: str
    study_description: str
    modalities_in_study: list[str]
    number_of_study_related_series: int
    number_of_study_related_instances: int
    size_bytes: int
    calling_ae_title: str
    tier: Tier
    received_at: str
    completed_at: str | None


class Series(TypedDict):
    """A series within its study."""

    series_instance_uid: str
    modality: str
    series_description: str
    number_of_series_related_instances: int


class StudyDetail(Study):
    """One study with its series."""

    series: list[Series]
    labels: list[str]


class Instance(TypedDict):
    """An instance within its study; ``sha256`` is that of its data set as it was received."""

    sop_instance_uid: str
    series_instance_uid: str
    sop_class_uid: str
    transfer_syntax_uid: str
    size_bytes: int
    sha256: str
    is_primary: bool


class Destination(TypedDict):
    """Where instances go."""

    id: int
    name: str
    kind: str
    is_enabled: bool
    warnings: list[str]
    last_error: str


class Rule(TypedDict):
    """What goes where."""

    id: int
    name: str
    is_enabled: bool
    conditions: list[dict[str, Any]]
    destinations: list[int]
    priority: Priority
    version: int


class Location(TypedDict):
    """A folder or bucket that keeps copies of studies, for one tier."""

    id: int
    name: str
    tier: Tier
    is_enabled: bool


class DeliveryFilters(TypedDict, total=False):
    """Which deliveries."""

    state: DeliveryState
    destination: int
    rule: int
    priority: Priority
    study_instance_uid: str
    sop_instance_uid: str
    patient_id: str
    ae_title: str
    error: str


class Delivery(TypedDict):
    """One instance on its way to one destination."""

    id: int
    sop_instance_uid: str
    study_instance_uid: str
    destination: int
    destination_name: str
    state: DeliveryState
    attempts: int
    last_error: str


class Move(TypedDict):
    """A study on its way to another tier."""

    id: int
    study_instance_uid: str
    to_tier: Tier
    state: Literal["waiting", "copying", "switched", "done", "failed", "cancelled"]
    last_error: str
    next_step: str


class Change(TypedDict):
    """One event of the change feed."""

    sequence: int
    kind: Literal["received", "completed", "deleted"]
    study_instance_uid: str
    number_of_instances: int
    at: str


class SourceState(TypedDict):
    """How one archive of a federation answered."""

    name: str
    state: str
    count: int
    milliseconds: float
    error: str


class Found(TypedDict):
    """What the archives of a federation have found until now; ``results`` are DICOM JSON (PS3.18 F.2)."""

    results: list[dict[str, Any]]
    sources: list[SourceState]
    is_complete: bool
    is_finished: bool
    total: int


class Stored(TypedDict):
    """What became of instances that were uploaded: SOP Instance UIDs, and Failure Reasons by UID."""

    stored: list[str]
    failed: dict[str, int]
