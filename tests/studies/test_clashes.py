"""Instances that name another patient than their study: flagged once for each value, never taken over."""

import logging

import pytest

from gateway.env import Environment
from studies.clashes import COMPARED, same_date, same_name, same_text
from studies.index import index_spool
from studies.models import IdentityClash, Instance, Study
from studies.resolve import mark_as_seen
from studies.spool import Spool
from tests.studies.receiving import assert_whole, receive

pytestmark = pytest.mark.django_db(transaction=True)
HOME = {
    "PatientID": "PAT1",
    "IssuerOfPatientID": "HOSPITAL",
    "PatientName": "Doe^Jane",
    "PatientBirthDate": "19700101",
    "PatientSex": "F",
    "AccessionNumber": "ACC1",
}
OTHER = {
    "PatientID": "PAT2",
    "IssuerOfPatientID": "PRACTICE",
    "PatientName": "Roe^Richard",
    "PatientBirthDate": "19700102",
    "PatientSex": "M",
    "AccessionNumber": "ACC2",
}


@pytest.fixture(autouse=True)
def _no_broker(bells: list[int]) -> None:
    """Nobody rings the real bell."""


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("Doe^Jane", "DOE^JANE", True),
        ("Doe^Jane", "Doe^Jane^^^", True),
        ("Doe^Jane", " Doe ^ Jane ", True),
        ("de  Vries^Jan", "De Vries^Jan", True),
        ("Doe^Jane^^Dr", "Doe^Jane", True),
        ("Doe^Jane^^^MD", "Doe^Jane^^Dr^PhD", True),
        ("Müller^Jörg", "Mu\u0308ller^Jo\u0308rg", True),
        ("Yamada^Tarou=山田^太郎", "Yamada^Tarou", True),
        ("Yamada^Tarou", "=山田^太郎", True),
        ("Yamada^Tarou=山田^太郎", "YAMADA^TAROU=山田^太郎=やまだ^たろう", True),
        ("Yamada^Tarou=山田^太郎", "Yamada^Tarou=山田^次郎", False),
        ("Doe^Jane", "Doe^John", False),
        ("Doe^Jane", "Doe^Jane^Mary", False),
        ("Doe^Jane", "Jane^Doe", False),
    ],
)
def test_names(one: str, other: str, is_same: bool) -> None:
    assert same_name(one, other) is is_same
    assert same_name(other, one) is is_same


@pytest.mark.parametrize(
    ("one", "other", "is_same"), [("pat1", "PAT1 ", True), ("PAT 1", "PAT  1", True), ("PAT1", "PAT01", False)]
)
def test_texts(one: str, other: str, is_same: bool) -> None:
    assert same_text(one, other) is is_same


def test_dates() -> None:
    assert same_date("19700101", "1970.01.01")
    assert not same_date("19700101", "19700110")


@pytest.mark.parametrize("in_one_batch", [True, False])
@pytest.mark.parametrize("keyword", COMPARED)
def test_another_value_is_flagged_and_the_study_keeps_the_first(
    home: Environment, spool: Spool, keyword: str, in_one_batch: bool
) -> None:
    field = COMPARED[keyword][0]
    receive(spool, uid="1.1.1.1", **HOME)
    if not in_one_batch:
        index_spool(spool)
    for number in (2, 3):
        receive(spool, uid=f"1.1.1.{number}", **HOME | {keyword: OTHER[keyword]})
    index_spool(spool)
    clash = IdentityClash.objects.get()
    assert (clash.attribute, clash.study_value, clash.instance_value) == (keyword, HOME[keyword], OTHER[keyword])
    assert clash.instance == Instance.objects.get(sop_instance_uid="1.1.1.2")
    assert clash.number_of_instances == 2
    study = Study.objects.get()
    assert clash.study == study
    assert getattr(study, field) == HOME[keyword]
    assert_whole(home, spool)


def test_the_same_in_another_spelling_or_blank_is_no_clash(spool: Spool) -> None:
    receive(spool, uid="1.1.1.1", **HOME)
    receive(spool, uid="1.1.1.2", **{keyword: value.lower() for keyword, value in HOME.items()})
    receive(spool, uid="1.1.1.3")
    index_spool(spool)
    assert Instance.objects.count() == 3
    assert not IdentityClash.objects.exists()


def test_a_blank_that_a_later_instance_filled_is_what_others_are_compared_with(spool: Spool) -> None:
    receive(spool, uid="1.1.1.1")
    receive(spool, uid="1.1.1.2", PatientID="PAT1")
    receive(spool, uid="1.1.1.3", PatientID="PAT2")
    index_spool(spool)
    assert Study.objects.get().patient_id == "PAT1"
    clash = IdentityClash.objects.get()
    assert (clash.study_value, clash.instance_value) == ("PAT1", "PAT2")


def test_two_studies_with_two_patients_clash_with_nobody(spool: Spool) -> None:
    receive(spool, study="1.1", uid="1.1.1", **HOME)
    receive(spool, study="1.2", uid="1.2.1", **OTHER)
    index_spool(spool)
    assert not IdentityClash.objects.exists()


def test_each_value_is_flagged_once_and_counted_on(spool: Spool) -> None:
    receive(spool, uid="1.1.1.1", PatientID="PAT1")
    index_spool(spool)
    for turn in range(3):
        for patient in ("PAT2", "pat2", "PAT3"):
            receive(spool, uid=f"1.2.{turn}.{len(patient)}.{ord(patient[0])}{patient[3]}", PatientID=patient)
        index_spool(spool)
    counts = dict(IdentityClash.objects.values_list("instance_value", "number_of_instances"))
    assert counts == {"PAT2": 6, "PAT3": 3}


def test_what_was_seen_stays_seen_while_more_of_the_same_come(spool: Spool) -> None:
    receive(spool, uid="1.1.1.1", PatientID="PAT1")
    receive(spool, uid="1.1.1.2", PatientID="PAT2")
    index_spool(spool)
    assert mark_as_seen(IdentityClash.objects.all(), by="jane") == 1
    assert mark_as_seen(IdentityClash.objects.all(), by="john") == 0
    receive(spool, uid="1.1.1.3", PatientID="PAT2")
    index_spool(spool)
    clash = IdentityClash.objects.get()
    assert (clash.resolved_by, clash.number_of_instances) == ("jane", 2)


def test_an_instance_that_comes_twice_is_counted_once(spool: Spool) -> None:
    receive(spool, uid="1.1.1.1", PatientID="PAT1")
    for _ in range(2):
        receive(spool, uid="1.1.1.2", PatientID="PAT2")
        index_spool(spool)
    assert IdentityClash.objects.get().number_of_instances == 1


def test_the_log_says_which_attribute_and_no_value(spool: Spool, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    receive(spool, uid="1.1.1.1", **HOME)
    receive(spool, uid="1.1.1.2", **OTHER)
    index_spool(spool)
    lines = [record for record in caplog.records if record.name == "studies.clashes"]
    assert [vars(line)["attributes"] for line in lines] == [sorted(COMPARED)]
    logged = "".join(str(vars(record)) for record in caplog.records if record.name.startswith("studies"))
    for value in (*HOME.values(), *OTHER.values()):
        assert len(value) == 1 or value not in logged
