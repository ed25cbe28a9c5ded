"""C-GET and C-MOVE at the AE title of a federation: what is here is sent (PS3.4 C.4.2, C.4.3)."""

from collections.abc import Callable, Iterator

import pytest
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    PatientRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelMove,
)

from dicomnet.models import RemoteNode
from gateway.env import Environment
from spanner.models import Source
from tests.peers import gantry, storing_peer
from tests.retrieving import MAY_RETRIEVE, Fetcher, identifier, keep_study
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


def test_what_is_elsewhere_is_said_not_to_come(port: int, federate: Federate) -> None:
    federate(ae_title="ALL")
    keep_study()
    answered = Fetcher(port, called="ALL").get(GET, identifier("STUDY", StudyInstanceUID="9.9"))
    assert (answered.status, answered.counts) == (0xA702, (0, 1, 0))
    assert answered.last.ErrorComment == "not here, and Gantry brings none yet: ask its own archive"
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


def test_an_identifier_without_a_key_is_refused(port: int, federate: Federate) -> None:
    federate(ae_title="ALL")
    answered = Fetcher(port, called="ALL").get(GET, identifier("STUDY"))
    assert (answered.status, answered.last.OffendingElement) == (0xA900, 0x0020000D)
