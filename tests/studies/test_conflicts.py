"""The same UID again: exact counts whoever sends at the same time, and what a person may decide."""

import threading
import time
from collections.abc import Callable

import pytest
from django.db import connection

from gateway.env import Environment
from studies.index import index_spool
from studies.models import Conflict, Instance, Series, Study
from studies.resolve import choose_primary
from studies.spool import Spool
from tests.studies.receiving import assert_whole, receive

pytestmark = pytest.mark.django_db(transaction=True)
PATIENCE_SECONDS = 60


@pytest.fixture(autouse=True)
def _no_broker(bells: list[int]) -> None:
    """Nobody rings the real bell."""


@pytest.fixture
def hosts(home: Environment, monkeypatch: pytest.MonkeyPatch) -> list[Spool]:
    """The spools of two hosts that share database and hot store; what they do to a disk is not the subject."""
    monkeypatch.setattr("os.fsync", lambda _: None)
    monkeypatch.setattr("os.fdatasync", lambda _: None)
    spools = [Spool(home.home / name, 100) for name in ("spool-a", "spool-b")]
    for spool in spools:
        spool.prepare()
    return spools


def index_while(spools: list[Spool], senders: list[Callable[[], None]]) -> None:
    """Run each sender in a thread, and each host's indexer beside them until all is indexed."""
    sending = [threading.Thread(target=sender, daemon=True) for sender in senders]
    is_over = threading.Event()
    failures: list[BaseException] = []

    def index(spool: Spool) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        try:
            while not (is_over.is_set() and not list(spool.waiting())) and time.monotonic() < deadline:
                index_spool(spool)
        except BaseException as error:
            failures.append(error)
            raise
        finally:
            connection.close()

    indexing = [threading.Thread(target=index, args=[spool], daemon=True) for spool in spools]
    for thread in [*sending, *indexing]:
        thread.start()
    for thread in sending:
        thread.join(PATIENCE_SECONDS)
    is_over.set()
    for thread in indexing:
        thread.join(PATIENCE_SECONDS)
    assert failures == []


def test_sixteen_senders_of_the_same_uids_make_each_one_instance(home: Environment, hosts: list[Spool]) -> None:
    def send(number: int) -> Callable[[], None]:
        def run() -> None:
            for uid in range(200):
                receive(hosts[number % 2], study=f"1.{uid % 3}", series=f"1.{uid % 7}", uid=f"1.1.{uid}", PatientID="P")

        return run

    index_while(hosts, [send(number) for number in range(16)])
    assert Instance.objects.count() == 200
    assert Conflict.objects.count() == 0
    for spool in hosts:
        assert_whole(home, spool)


def test_a_thousand_contents_of_one_uid_are_all_kept(home: Environment, hosts: list[Spool]) -> None:
    def send(number: int) -> Callable[[], None]:
        def run() -> None:
            for content in range(number, 1000, 4):
                receive(hosts[number % 2], InstanceNumber=content)

        return run

    index_while(hosts, [send(number) for number in range(4)])
    assert Instance.objects.count() == 1000
    assert Instance.objects.filter(is_primary=True).count() == 1
    primary = Instance.objects.get(is_primary=True)
    assert Conflict.objects.filter(instance=primary).exclude(other=primary).count() == 999
    for spool in hosts:
        assert_whole(home, spool)


def counts() -> dict[str, int]:
    """Instances of each study, as it says."""
    return dict(Study.objects.values_list("study_instance_uid", "number_of_study_related_instances"))


def test_the_chosen_content_is_the_one_that_counts(home: Environment, spool: Spool) -> None:
    receive(spool, study="1.1", series="1.1.1", PatientID="P1")
    receive(spool, study="1.2", series="1.2.1", PatientID="P2")
    receive(spool, study="1.1", series="1.1.1", PatientID="P3")
    index_spool(spool)
    first, second, third = Instance.objects.order_by("received_at", "pk")
    conflict = Conflict.objects.get(other=second)
    assert counts() == {"1.1": 1, "1.2": 0}
    assert choose_primary(conflict.pk, second.pk, by="jane")
    assert list(Instance.objects.filter(is_primary=True)) == [second]
    assert counts() == {"1.1": 0, "1.2": 1}
    rows = Conflict.objects.order_by("pk").values_list("instance", "other", "resolved_by")
    assert list(rows) == [(second.pk, first.pk, "jane"), (second.pk, third.pk, "")]
    assert_whole(home, spool)
    receive(spool, PatientID="P4")  # a later content is beside the chosen one
    index_spool(spool)
    assert Conflict.objects.filter(instance=second).count() == 3
    assert_whole(home, spool)


def test_who_confirms_the_first_content_leaves_it_in_use(spool: Spool) -> None:
    receive(spool, PatientID="P1")
    receive(spool, PatientID="P2")
    index_spool(spool)
    conflict = Conflict.objects.get()
    assert choose_primary(conflict.pk, conflict.instance_id, by="jane")
    kept = Conflict.objects.get()
    assert (kept.instance_id, kept.other_id, kept.resolved_by) == (conflict.instance_id, conflict.other_id, "jane")
    assert kept.resolved_at is not None
    assert Series.objects.get().number_of_series_related_instances == 1


def test_a_content_of_another_conflict_is_not_chosen(spool: Spool) -> None:
    for uid in ("1.1.1.1", "1.1.1.2"):
        for patient in ("P1", "P2"):
            receive(spool, uid=uid, PatientID=patient)
    index_spool(spool)
    one, other = Conflict.objects.order_by("pk")
    assert not choose_primary(one.pk, other.other_id, by="jane")
    assert not choose_primary(0, one.other_id, by="jane")
    assert Conflict.objects.filter(resolved_at=None).count() == 2
    assert set(Instance.objects.filter(is_primary=True)) == {one.instance, other.instance}
