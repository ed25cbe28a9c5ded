"""What a back-test judges: the index's columns agree with the headers, and are read by few queries."""

from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from gateway.env import Environment
from routing.backtest import run
from routing.backtest.history import index_holds, read_history
from routing.facts import facts_of_file
from studies.attributes import ATTRIBUTES
from studies.dimse import local_spool
from studies.index import index_spool
from studies.models import Instance
from studies.storage import hot_storage
from tests.corpus import data_set, element, write_part10
from tests.factories import InstanceFactory, SeriesFactory, StudyFactory
from tests.routing.backtest.conftest import finish, start

pytestmark = pytest.mark.django_db
KEYWORDS = {attribute.keyword for attribute in ATTRIBUTES}
SLICE_THICKNESS = {"attribute": "SliceThickness", "operator": "less", "value": "1.5"}


def test_what_the_index_holds() -> None:
    assert index_holds(KEYWORDS | {"CallingAETitle", "CalledAETitle", "SourceAddress", "TransferSyntaxUID"})
    assert index_holds(["ReceivedTime", "ReceivedWeekday", "StudyInstancesReceived", "MatchedRules"])
    assert not index_holds(["SliceThickness", "Modality"])


def test_columns_say_what_the_header_says(home: Environment) -> None:
    early = element(0x00080090, "PN", b"Ref^Erring") + element(0x00100010, "PN", b"Doe^Jane")
    late = element(0x00280008, "IS", b"12") + element(0x00280010, "US", (512).to_bytes(2, "little"))
    spool = local_spool()
    content = data_set(sop_instance_uid=b"1.2.3", early=early, late=late)
    write_part10(spool.root / "new" / "0", content, uid="1.2.3")
    index_spool(spool)
    instance = Instance.objects.get()
    asked = KEYWORDS | {"CallingAETitle", "TransferSyntaxUID"}

    (unit,) = read_history([instance.series.study_id], asked).studies[instance.series.study_id]

    header = facts_of_file(Path(hot_storage().path(instance.location)), asked)
    assert {name: unit.facts[name] for name in asked} == {name: list(header[name]) for name in asked}
    assert unit.facts["Rows"] == ["512"]
    assert unit.facts["PatientName"] == ["Doe^Jane"]


def test_instances_that_are_alike_are_one_unit() -> None:
    series = SeriesFactory.create()
    for sender in ("CT1", "CT1", "CT2"):
        InstanceFactory.create(series=series, calling_ae_title=sender)

    units = read_history([series.study_id], {"CallingAETitle"}).studies[series.study_id]

    assert sorted((unit.facts["CallingAETitle"], unit.count) for unit in units) == [(["CT1"], 2), (["CT2"], 1)]


def test_a_column_with_several_values_has_them_apart() -> None:
    study = StudyFactory.create(study_description="A\\B")
    SeriesFactory.create(study=study)

    (unit,) = read_history([study.pk], {"StudyDescription", "PatientID"}).studies[study.pk]

    assert unit.facts["StudyDescription"] == ["A", "B"]


def test_receipt_and_counts_come_from_the_index() -> None:
    study = StudyFactory.create(number_of_study_related_instances=7)
    instance = InstanceFactory.create(series=SeriesFactory.create(study=study, number_of_series_related_instances=3))
    asked = {"ReceivedTime", "ReceivedWeekday", "StudyInstancesReceived", "SeriesInstancesReceived"}

    (unit,) = read_history([study.pk], asked).studies[study.pk]

    at = timezone.localtime(instance.received_at)
    assert unit.facts == {
        "ReceivedTime": [at.strftime("%H%M%S")],
        "ReceivedWeekday": [at.strftime("%A")],
        "StudyInstancesReceived": ["7"],
        "SeriesInstancesReceived": ["3"],
    }


@pytest.mark.parametrize(("asked", "queries"), [({"PatientID", "Modality"}, 2), ({"Modality", "CallingAETitle"}, 3)])
def test_a_slice_costs_as_many_queries_as_one_study(
    asked: set[str], queries: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    pks = [InstanceFactory.create().series.study_id for _ in range(5)]

    with django_assert_num_queries(queries):
        assert all(read_history(pks, asked).studies.values())


def test_what_the_index_lacks_is_read_from_one_instance_of_each_series(home: Environment, bells: list[int]) -> None:
    study = StudyFactory.create()
    for thickness in (b"1.0", b"5.0"):
        content = data_set(sop_instance_uid=thickness, late=element(0x00180050, "DS", thickness))
        path = write_part10(home.storage, content, uid=thickness.decode())
        series = SeriesFactory.create(study=study, number_of_series_related_instances=4)
        InstanceFactory.create(series=series, location=path.name)
        InstanceFactory.create(series=series)  # has no file, and is not read
    InstanceFactory.create()  # a study whose only file is gone

    back_test = finish(start([SLICE_THICKNESS]))

    assert run.reads_files(back_test)
    assert (back_test.judged, back_test.matched, back_test.unreadable) == (2, 1, 1)
    row: Any = back_test.studies.get()
    assert (row.study, row.instance_count) == (study, 4)
