"""The change feed: in order, whole and resumable, also while several write (docs/api.md)."""

import threading
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from studies.changes.models import Change, ChangeKind
from studies.changes.record import record_changes
from studies.index import index_spool
from studies.models import Study
from studies.spool import Spool
from studies.stability import complete_quiet
from tests.api_clients import V1, client_of
from tests.studies.receiving import receive


@pytest.mark.django_db
@pytest.mark.usefixtures("bells")
def test_a_study_is_told_of_when_it_comes_and_when_it_is_complete(spool: Spool) -> None:
    receive(spool, uid="1.1.1.1")
    receive(spool, uid="1.1.1.2")
    receive(spool, study="1.2", series="1.2.1", uid="1.2.1.1")
    index_spool(spool)
    receive(spool, uid="1.1.1.2")  # again: nothing new
    index_spool(spool)
    Study.objects.update(last_received_at=timezone.now() - timedelta(hours=1))
    complete_quiet(60)
    complete_quiet(60)

    found = client_of("viewer").get(f"{V1}/changes").json()

    told = [(each["kind"], each["study_instance_uid"], each["number_of_instances"]) for each in found["changes"]]
    assert sorted(told[:2]) == [("received", "1.1", 2), ("received", "1.2", 1)]
    assert sorted(told[2:]) == [("completed", "1.1", 2), ("completed", "1.2", 1)]
    assert (found["last"], found["done"]) == (found["changes"][-1]["sequence"], True)


@pytest.mark.django_db
def test_a_reader_goes_on_where_it_ended() -> None:
    for number in range(7):
        record_changes(ChangeKind.RECEIVED, {f"1.{number}": 1})
    client, since, seen = client_of("viewer"), 0, []

    while True:
        page = client.get(f"{V1}/changes?since={since}&limit=3").json()
        seen += [each["study_instance_uid"] for each in page["changes"]]
        since = page["last"]
        if page["done"]:
            break

    assert seen == [f"1.{number}" for number in range(7)]
    empty = client.get(f"{V1}/changes?since={since}").json()
    assert empty == {"changes": [], "last": since, "done": True}


@pytest.mark.django_db
@pytest.mark.parametrize(
    "query", ["since=-1", "since=a", "limit=0", "limit=1001", "limit=1e3", "until=5", "since=9" + "9" * 30]
)
def test_odd_questions_are_refused(query: str) -> None:
    response = client_of("viewer").get(f"{V1}/changes?{query}")
    assert (response.status_code, response["Content-Type"]) == (400, "application/problem+json")


@pytest.mark.django_db(transaction=True)
def test_no_number_comes_up_behind_a_reader_while_several_write() -> None:
    """The reader never sees a number below one that it has seen before."""
    stop = threading.Event()
    late: list[int] = []

    def write(writer: int) -> None:
        try:
            for number in range(15):
                with transaction.atomic():
                    record_changes(ChangeKind.RECEIVED, {f"1.{writer}.{number}": 1, f"1.{writer}.{number}.1": 1})
        finally:
            connection.close()

    def read() -> None:
        seen: set[int] = set()
        try:
            while not stop.is_set():
                now = set(Change.objects.values_list("pk", flat=True))
                late.extend(pk for pk in now - seen if seen and pk < max(seen))
                seen |= now
        finally:
            connection.close()

    reader = threading.Thread(target=read)
    writers = [threading.Thread(target=write, args=(writer,)) for writer in range(3)]
    reader.start()
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    stop.set()
    reader.join()

    assert not late
    assert Change.objects.count() == 3 * 15 * 2
