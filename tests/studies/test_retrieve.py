"""Which stored instances a retrieve identifier names (PS3.4 C.4.2.2, Y.3.2)."""

from typing import Any
from unittest.mock import patch

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pydicom.dataset import Dataset

from dicomnet.retrieval import Root, Unavailable
from studies import retrieve, wanted
from studies.events import series_wanted
from studies.lately import Lately
from studies.models import Instance, Series, Tier
from studies.retrieve import StoredInstances
from studies.retrieve_keys import parse_keys
from tests.factories import InstanceFactory, SeriesFactory, StudyFactory
from tests.retrieving import identifier

pytestmark = pytest.mark.django_db


def found(ds: Dataset, root: Root = Root.STUDY, *, is_relational: bool = False) -> StoredInstances:
    return StoredInstances(parse_keys(ds, root, is_relational=is_relational))


def uids(stored: StoredInstances) -> list[str]:
    return [instance.sop_instance_uid for instance in stored]


def make(study: str, *, patient: str = "P1", series: int = 2, instances: int = 2, **more: Any) -> None:
    made = StudyFactory(study_instance_uid=study, patient_id=patient)
    for number in range(series):
        row = SeriesFactory(study=made, series_instance_uid=f"{study}.{number}")
        for position in range(instances):
            InstanceFactory(series=row, sop_instance_uid=f"{study}.{number}.{position}", **more)


@pytest.mark.parametrize(
    ("root", "ds", "expected"),
    [
        (Root.PATIENT, identifier("PATIENT", PatientID="P1"), ["1.1.0.0", "1.1.0.1", "1.1.1.0", "1.1.1.1", "1.2.0.0"]),
        (Root.PATIENT, identifier("STUDY", PatientID="P2", StudyInstanceUID="1.2"), []),
        (Root.PATIENT, identifier("PATIENT", PatientID="p1"), []),
        (Root.PATIENT, identifier("PATIENT", PatientID="*"), []),
        (Root.STUDY, identifier("STUDY", StudyInstanceUID=["1.2", "9.9"]), ["1.2.0.0"]),
        (
            Root.STUDY,
            identifier("SERIES", StudyInstanceUID="1.1", SeriesInstanceUID=["1.1.1", "1.2.0"]),
            ["1.1.1.0", "1.1.1.1"],
        ),
        (
            Root.STUDY,
            identifier(
                "IMAGE", StudyInstanceUID="1.1", SeriesInstanceUID="1.1.0", SOPInstanceUID=["1.1.0.1", "1.1.1.1"]
            ),
            ["1.1.0.1"],
        ),
        (Root.COMPOSITE, identifier("IMAGE", SOPInstanceUID=["1.1.0.1", "1.2.0.0"]), ["1.1.0.1", "1.2.0.0"]),
    ],
)
def test_each_level_names_its_instances(root: Root, ds: Dataset, expected: list[str]) -> None:
    make("1.1")
    make("1.2", series=1, instances=1)
    stored = found(ds, root)
    assert uids(stored) == expected
    assert stored.count == len(expected)


@pytest.mark.parametrize("page", [1, 2, 3, 4, 1000])
def test_pages_and_chunks_leave_nothing_out_and_say_nothing_twice(monkeypatch: pytest.MonkeyPatch, page: int) -> None:
    make("1.1", series=3, instances=3)
    monkeypatch.setattr(retrieve, "PAGE", page)
    monkeypatch.setattr(retrieve, "UIDS_AT_ONCE", page)
    monkeypatch.setattr(retrieve, "SERIES_AT_ONCE", page)
    everything = [f"1.1.{number}.{position}" for number in range(3) for position in range(3)]
    assert uids(found(identifier("STUDY", StudyInstanceUID="1.1"))) == everything
    by_uid = found(identifier("IMAGE", SOPInstanceUID=everything), Root.COMPOSITE)
    assert (by_uid.count, uids(by_uid)) == (9, everything)


def test_only_the_primary_content_is_retrieved() -> None:
    make("1.1", series=1, instances=1)
    primary = Instance.objects.get()
    InstanceFactory(series=primary.series, sop_instance_uid=primary.sop_instance_uid, is_primary=False)
    stored = found(identifier("STUDY", StudyInstanceUID="1.1"))
    (page,) = stored.pages()
    assert stored.count == 1
    assert [row.location for row in page] == [primary.location]


def test_what_comes_in_meanwhile_is_not_part_of_it() -> None:
    make("1.1", series=1)
    stored = found(identifier("STUDY", StudyInstanceUID="1.1"))
    InstanceFactory(series=Instance.objects.earliest("pk").series, sop_instance_uid="1.1.0.9")
    assert uids(stored) == ["1.1.0.0", "1.1.0.1"]


@pytest.mark.parametrize("tier", [Tier.COLD, Tier.ARCHIVE])
def test_what_is_not_on_the_hot_tier_is_asked_for(tier: Tier, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wanted, "asked", Lately(0))
    make("1.1", series=1, instances=1, tier=tier)
    asked: list[list[int]] = []

    def hear(_: object, *, series_pks: list[int], **told: object) -> list[tuple[object, float]]:
        asked.append(series_pks)
        return []

    with patch.object(series_wanted, "send", hear):
        (one,) = found(identifier("STUDY", StudyInstanceUID="1.1"))

    assert one == Unavailable("1.1.0.0", f"on the tier {tier}, and being recalled: ask again in a while")
    assert asked == [[Series.objects.get().pk]]


def test_relational_retrieval_finds_by_the_level_alone_and_is_narrowed_by_what_is_named() -> None:
    make("1.1")
    asked = identifier("IMAGE", SOPInstanceUID="1.1.0.0")
    assert uids(found(asked, is_relational=True)) == ["1.1.0.0"]
    asked.StudyInstanceUID = "1.2"
    assert uids(found(asked, is_relational=True)) == []


def test_the_number_of_queries_does_not_depend_on_the_number_of_instances() -> None:
    make("1.1", series=2, instances=2)
    make("1.2", series=8, instances=12)
    numbers = []
    for study in ("1.1", "1.2"):
        with CaptureQueriesContext(
            connection,
        ) as captured:
            assert uids(found(identifier("STUDY", StudyInstanceUID=study)))
        numbers.append(len(captured))
    assert numbers == [3, 3]


def test_contexts_are_those_of_the_stored_instances() -> None:
    make("1.1", series=1, instances=2)
    make("1.2", series=1, instances=1, transfer_syntax_uid="1.2.840.10008.1.2")
    asked = identifier("STUDY", StudyInstanceUID=["1.1", "1.2"])
    assert {syntax for _, syntax in found(asked).contexts} == {"1.2.840.10008.1.2", "1.2.840.10008.1.2.1"}


def test_syntaxes_of_what_came_in_lately_are_known_by_class_and_the_most_frequent_first() -> None:
    make("1.1", series=1, instances=1)
    make("1.2", series=1, instances=2, transfer_syntax_uid="1.2.840.10008.1.2")
    (syntaxes,) = retrieve.syntaxes_by_class().values()
    assert syntaxes == ["1.2.840.10008.1.2", "1.2.840.10008.1.2.1"]
