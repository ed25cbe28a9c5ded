"""Many who append at once make valid chains, and none waits for ever."""

import threading

import pytest
from django.db import connection, transaction

from gateway.audit.models import AuditRecord
from gateway.audit.verify import Looked, verify
from gateway.env import Environment
from tests.gateway.audit.conftest import add

THREADS, TIMES = 8, 12


@pytest.mark.django_db(transaction=True)
def test_threads_that_append_at_once_make_valid_chains(home: Environment) -> None:
    begin = threading.Barrier(THREADS)
    failed: list[BaseException] = []

    def append(first: int) -> None:
        try:
            begin.wait(30)
            for number in range(TIMES):
                with transaction.atomic():
                    add(3, first + 3 * number)
        except BaseException as error:  # noqa: BLE001 (handed to the test)
            failed.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=append, args=(1000 * number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)

    assert failed == []
    looked = Looked()
    assert list(verify(looked)) == []
    assert looked.records == AuditRecord.objects.count() == THREADS * TIMES * 3
