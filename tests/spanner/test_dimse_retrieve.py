"""C-GET and C-MOVE at the AE title of a federation: what is here is sent (PS3.4 C.4.2, C.4.3)."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future

import pytest
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    PatientRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelMove,
)

from dicomnet.models import RemoteNode
from gateway.env import Environment
from spanner import bring
from spanner.models import FailureStrategy, Source, SpanningConfig
from spanner.titles import forget
from tests.peers import gantry, refused_port, storing_peer
from tests.retrieving import MAY_RETRIEVE, Answered, Fetcher, identifier, keep_study
from tests.spanner.archives import dimse_archive, study
from tests.spanner.conftest import Federate

pytestmark = pytest.mark.django_db(transaction=True)
Make = Callable[..., Source]
GET, MOVE = str(StudyRootQueryRetrieveInformationModelGet), str(StudyRootQueryRetrieveInformationModelMove)
PATIENT_GET = str(PatientRootQueryRetrieveInformationModelGet)
THE_STUDY = identifier("STUDY", StudyInstanceUID="1.1")


@pytest.fixture
def port(home: Environment) -> Iterator[int]:
    with gantry(MAY_RETRIEVE) as number:
        yield number


def test_what_is_here_is_sent(port: int, federate: Federate) -> None:
    federate(ae_title="ALL")
    stored = keep_study()
    answered = Fetcher(port, called="ALL").get(GET, THE_STUDY)
    assert (answered.status, answered.counts, answered.received) == (0x0000, (3, 0, 0), stored)
    with storing_peer() as peer:
        RemoteNode.objects.create(ae_title="PEER", host="127.0.0.1", port=peer.port)
        moved = Fetcher(port, called="ALL").move(MOVE, THE_STUDY, "PEER")
    assert (moved.status, peer.received) == (0x0000, stored)


def test_what_is_elsewhere_is_said_not_to_come(fetching: None, port: int, federate: Federate) -> None:
    federate(ae_title="ALL")
    keep_study()
    answered = Fetcher(port, called="ALL").get(GET, identifier("STUDY", StudyInstanceUID="9.9"))
    assert (answered.status, answered.counts) == (0xA702, (0, 1, 0))
    assert "has the study" in answered.last.ErrorComment
    both = Fetcher(port, called="ALL").get(GET, identifier("STUDY", StudyInstanceUID=["1.1", "9.9"]))
    assert (both.status, both.counts, both.failed) == (0xB000, (3, 1, 0), [])


def test_a_patient_is_known_by_the_id_of_the_federation(port: int, dimse: Make, federate: Federate) -> None:
    stored = keep_study(patient="P1")
    with dimse_archive([study(1, StudyInstanceUID="1.1")]) as (one, _):
        federate(dimse("North", one, patient_id_prefix="N-"), ae_title="ALL")
        answered = Fetcher(port, called="ALL").get(PATIENT_GET, identifier("PATIENT", PatientID="N-P1"))
        assert (answered.status, answered.received) == (0x0000, stored)
        other = identifier("STUDY", PatientID="P2", StudyInstanceUID="1.1")
        nothing = Fetcher(port, called="ALL").get(PATIENT_GET, other)
    assert (nothing.status, nothing.counts) == (0x0000, (0, 0, 0))


def test_a_source_that_may_have_more_of_a_patient_is_a_failure(port: int, dimse: Make, federate: Federate) -> None:
    stored = keep_study(patient="P1")
    with dimse_archive([study(1, StudyInstanceUID="1.1")]) as (one, _):
        north, gone = dimse("North", one), dimse("Gone", refused_port())
        config = federate(north, gone, ae_title="ALL")
        asked = identifier("PATIENT", PatientID="P1")
        answered = Fetcher(port, called="ALL").get(PATIENT_GET, asked)
        assert (answered.status, answered.counts, answered.received) == (0xB000, (3, 1, 0), stored)
        assert answered.last.ErrorComment == "missing: Gone (error)"
        SpanningConfig.objects.filter(pk=config.pk).update(failure_strategy=FailureStrategy.STRICT)
        forget()
        refused = Fetcher(port, called="ALL").get(PATIENT_GET, asked)
    assert (refused.status, refused.received) == (0xA701, {})


def test_the_caller_hears_that_it_goes_on_and_gets_it(
    port: int, federate: Federate, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = federate(ae_title="ALL")
    under_way: Future[None] = Future()
    monkeypatch.setitem(bring._under_way, (config.pk, "1.1"), under_way)  # somebody waits for it already
    stored: dict[str, bytes] = {}

    def arrive(answered: Answered) -> None:
        if answered.responses[-1].Status == 0xFF00 and not stored:
            stored.update(keep_study())
            under_way.set_result(None)

    with storing_peer() as peer:
        RemoteNode.objects.create(ae_title="PEER", host="127.0.0.1", port=peer.port)
        moved = Fetcher(port, called="ALL", heard=arrive).move(MOVE, THE_STUDY, "PEER")
    assert (moved.status, moved.counts, peer.received) == (0x0000, (3, 0, 0), stored)


def test_a_cancel_ends_the_waiting(port: int, federate: Federate, monkeypatch: pytest.MonkeyPatch) -> None:
    config = federate(ae_title="ALL")
    monkeypatch.setitem(bring._under_way, (config.pk, "1.1"), Future())
    RemoteNode.objects.create(ae_title="PEER", host="127.0.0.1", port=refused_port())
    moved = Fetcher(port, called="ALL").move(MOVE, THE_STUDY, "PEER", cancel=True)
    assert (moved.responses[0].Status, moved.status) == (0xFF00, 0xFE00)


def test_an_identifier_without_a_key_is_refused(port: int, federate: Federate) -> None:
    federate(ae_title="ALL")
    answered = Fetcher(port, called="ALL").get(GET, identifier("STUDY"))
    assert (answered.status, answered.last.OffendingElement) == (0xA900, 0x0020000D)
