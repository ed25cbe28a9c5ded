"""The archives that the fictitious hospital asks, how they did lately, what was found, and what is on its way."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone
from pydicom.uid import generate_uid

from dicomnet.web.secrets import seal
from gateway.accounts.models import User
from spanner.answers import Answer, State
from spanner.models import (
    ConfigSource,
    FailureStrategy,
    Fetch,
    FetchState,
    Query,
    Source,
    SourceKind,
    SourceMinute,
    SpanningConfig,
)
from studies.models import Study
from tests.spanner.answered import answered
from tests.spanner.archives import Item, json_of


@dataclass(frozen=True)
class Federated:
    """What pages of federated search are shown with."""

    here: Source
    north: Source
    south: Source
    partner: Source
    everywhere: SpanningConfig


def make_federation(now: datetime) -> Federated:
    """Four archives, one of which does not answer; two federations; three fetches of each kind of end."""
    here = Source.objects.create(name="Here", kind=SourceKind.LOCAL, last_success_at=now - timedelta(seconds=12))
    north = Source.objects.create(
        name="North", ae_title="PACS_NORTH", host="pacs.north.example", port=104, tls=True,
        comment="Radiology north, on call 4711", last_success_at=now - timedelta(seconds=12),
    )  # fmt: skip
    south = Source.objects.create(
        name="South", kind=SourceKind.DICOMWEB, url="https://pacs.south.example/dicom-web", authentication="basic",
        username="gantry", secret=seal("example", place="https://pacs.south.example:443"), patient_id_prefix="S-",
        last_success_at=now - timedelta(seconds=12),
    )  # fmt: skip
    partner = Source.objects.create(
        name="Partner clinic", ae_title="ARCHIVE", host="10.40.2.9", port=11112, retrieve="move", failures_in_a_row=4,
        open_until=now + timedelta(seconds=40), last_success_at=now - timedelta(hours=2),
        last_failure_at=now - timedelta(seconds=30), last_error="it did not answer within 10.0 s",
    )  # fmt: skip
    everywhere = SpanningConfig.objects.create(
        name="everywhere", ae_title="EVERYWHERE", description="All sites, for the reading rooms"
    )
    for priority, source in enumerate((here, north, south, partner), 1):
        ConfigSource.objects.create(config=everywhere, source=source, priority=priority)
    close = SpanningConfig.objects.create(
        name="north-and-here", failure_strategy=FailureStrategy.STRICT, timeout_seconds=5
    )
    for source in (here, north):
        ConfigSource.objects.create(config=close, source=source)
    made = Federated(here, north, south, partner, everywhere)
    _look_back(made, now)
    _make_fetches(made, now)
    return made


def found_running(made: Federated, by: User) -> Query:
    """Two have answered, two have not."""
    answers = {made.here: _answer(made.here, _here(), 4.1), made.north: _answer(made.north, _north(), 212.4)}
    query = answered(made.everywhere, answers, by=by, patient_id="4711*")
    query.deadline = timezone.now() + timedelta(hours=1)  # it is looked at for longer than the federation has time
    query.save()
    return query


def found_complete(made: Federated, by: User) -> Query:
    """All have answered whole."""
    answers = {
        made.here: _answer(made.here, _here(), 3.8),
        made.north: _answer(made.north, _north(), 187.2),
        made.south: Answer(made.south.name, State.OK, [json_of(one) for one in _south()], 91.3, age_seconds=6),
        made.partner: _answer(made.partner, [], 640.9),
    }
    return answered(made.everywhere, answers, by=by, patient_id="4711*")


def found_incomplete(made: Federated, by: User) -> Query:
    """One cut its list, one was silent, and two patients have studies with one UID."""
    other = _north()[-1] | {"PatientID": "S-993", "PatientName": "Osei^Kwame", "PatientBirthDate": "19481130"}
    cut = [json_of(one) for one in [*_south(), other]]
    answers = {
        made.here: _answer(made.here, _here(), 4.0),
        made.north: _answer(made.north, _north(), 233.7),
        made.south: Answer(made.south.name, State.PARTIAL, cut, 402.8, "there are more than the 2,000 that are taken"),
        made.partner: Answer(made.partner.name, State.TIMEOUT, [], 10_000, "it did not answer within 10.0 s"),
    }
    return answered(made.everywhere, answers, by=by, patient_id="4711*")


def _answer(source: Source, found: list[Item], milliseconds: float) -> Answer:
    return Answer(source.name, State.OK, [json_of(one) for one in found], milliseconds)


def _study(number: int, on: str, modality: str, words: str, counts: tuple[int, int], **values: str) -> Item:
    return {
        "StudyInstanceUID": f"1.2.826.0.1.3680043.8.498.4711.{number}",
        "PatientID": "4711208",
        "PatientName": "Okafor^Adaeze^Ruth",
        "PatientBirthDate": "19570314",
        "StudyDate": on,
        "StudyTime": f"{9 + number:02d}1500",
        "ModalitiesInStudy": modality,
        "StudyDescription": words,
        "AccessionNumber": f"26{310_000 + 7 * number}",
        "NumberOfStudyRelatedSeries": str(counts[0]),
        "NumberOfStudyRelatedInstances": str(counts[1]),
    } | values


def _here() -> list[Item]:
    """A study that is stored, as this archive gives it."""
    study = Study.objects.filter(modalities_in_study__contains="CT").order_by("pk").first()
    uid = study.study_instance_uid if study else "1.2.3"
    return [_study(1, "20261104", "CT", "CT Thorax with contrast", (3, 140), StudyInstanceUID=uid)]


def _north() -> list[Item]:
    return [
        _here()[0] | {"AccessionNumber": "26310007N", "StudyDescription": "CT THORAX"},
        _study(2, "20250917", "MR", "MR Head with and without contrast", (9, 1248)),
        _study(3, "20240311", "CT\\SR", "CT Abdomen", (4, 312)),
        _study(4, "20210622", "CR", "Chest PA and lateral", (2, 2)),
    ]


def _south() -> list[Item]:
    south = {"PatientID": "S-4711208"}
    return [
        _study(5, "20230102", "US", "Ultrasound abdomen", (1, 38)) | south,
        _study(6, "20190815", "MG", "Screening mammography", (4, 4)) | south,
    ]


def _look_back(made: Federated, now: datetime) -> None:
    """An hour by minutes and some hours before it, busier at the full quarter."""
    minute = now.replace(second=0, microsecond=0)
    spread = [minute - timedelta(minutes=back) for back in (0, 1, 2, 4, 7, 11, 15, 16, 21, 30, 44, 52)]
    spread += [minute - timedelta(hours=back) for back in range(1, 30)]
    usual = {made.here: 3, made.north: 190, made.south: 96, made.partner: 610}
    rows = []
    for number, at in enumerate(spread):
        for source, milliseconds in usual.items():
            asked = 3 + number * 7 % 11
            is_down = source == made.partner and number < 4
            rows.append(
                SourceMinute(
                    source=source, minute=at, asked=asked, cached=number % 3, timed_out=3 if is_down else 0,
                    not_asked=asked if is_down else 0, failed=int(source == made.south and number == 9),
                    matches=0 if is_down else asked * 4, milliseconds=asked * (10_000 if is_down else milliseconds),
                    slowest_milliseconds=10_000 if is_down else milliseconds * 3,
                )
            )  # fmt: skip
    SourceMinute.objects.bulk_create(rows)


def _make_fetches(made: Federated, now: datetime) -> None:
    def fetch(state: FetchState, source: Source | None, minutes: float, **told: object) -> None:
        created = now - timedelta(minutes=minutes)
        uid = generate_uid(entropy_srcs=[state, str(minutes)])
        told = {
            "study_instance_uid": uid,
            "requested_by": "m.lindqvist",
            "started_at": created + timedelta(seconds=1),
        } | told
        Fetch.objects.create(config=made.everywhere, state=state, source=source, created_at=created, **told)

    stored = Study.objects.order_by("pk").first()
    fetch(
        FetchState.DONE, made.north, 52, instances_expected=312, instances_arrived=312, bytes_arrived=164_300_000,
        finished_at=now - timedelta(minutes=51), requested_by="rule Priors for mammography",
        study_instance_uid=stored.study_instance_uid if stored else "1.2.3",
    )  # fmt: skip
    fetch(
        FetchState.FAILED, made.partner, 38, instances_expected=96, instances_arrived=41, bytes_arrived=21_500_000,
        attempts=6, finished_at=now - timedelta(minutes=12),
        last_error="55 of 96 instances are missing. Partner clinic: it broke off the association.",
    )  # fmt: skip
    fetch(
        FetchState.WAITING, made.south, 4, instances_expected=38, instances_arrived=20, bytes_arrived=9_100_000,
        attempts=2, next_attempt_at=now + timedelta(seconds=9),
        last_error="18 of 38 instances are missing. South: the answer broke off.",
    )  # fmt: skip
    fetch(
        FetchState.FETCHING, made.north, 0.4, instances_expected=1248, instances_arrived=774,
        bytes_arrived=407_400_000,
    )  # fmt: skip
