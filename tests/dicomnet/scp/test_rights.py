"""Rights by SOP Class on a real association: context results and statuses (PS3.8 Table 9-18, PS3.7 Annex C)."""

from typing import Any

import pytest
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, ImplicitVRLittleEndian, MRImageStorage
from pynetdicom import AE
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]

from dicomnet.allowlist import Entry, Rights
from tests.corpus import CT, EXPLICIT, data_set
from tests.peers import LOOPBACK, Caller, Listener, gantry, peer

ECHO = (Verification, ImplicitVRLittleEndian)
STORE = (CT, EXPLICIT)
ABSTRACT_SYNTAX_NOT_SUPPORTED = 3


def only(*classes: str) -> Entry:
    return Entry("*", "127.0.0.1", "", Rights(may_echo=True, may_store=True, store_classes=frozenset(classes)))


@pytest.fixture
def requestor() -> AE:
    ae = AE(ae_title="CT1")
    for abstract_syntax in (Verification, CTImageStorage, MRImageStorage):
        ae.add_requested_context(abstract_syntax, ExplicitVRLittleEndian)
    return ae


def test_the_contexts_of_other_classes_are_rejected(listener: Listener, requestor: AE) -> None:
    with gantry(only(CTImageStorage)) as port:
        assoc = requestor.associate(LOOPBACK, port, ae_title="GANTRY")
        accepted = {context.abstract_syntax for context in assoc.accepted_contexts}
        rejected: dict[Any, Any] = {context.abstract_syntax: context.result for context in assoc.rejected_contexts}
        assoc.release()
    assert accepted == {Verification, CTImageStorage}
    assert rejected == {MRImageStorage: ABSTRACT_SYNTAX_NOT_SUPPORTED}


def test_a_class_of_ones_own_is_stored(listener: Listener) -> None:
    with gantry(only(CTImageStorage)) as port, Caller(peer(port, "GANTRY"), [ECHO, STORE]) as caller:
        reply = caller.store(data_set(sop_instance_uid=b"1.2"), STORE, sop_class_uid=CT, sop_instance_uid="1.2")
    assert reply.status == 0


def test_another_class_on_an_accepted_context_is_not_authorised(listener: Listener) -> None:
    with gantry(only(CTImageStorage)) as port, Caller(peer(port, "GANTRY"), [ECHO, STORE]) as caller:
        data = data_set(sop_instance_uid=b"1.2")
        reply = caller.store(data, STORE, sop_class_uid=MRImageStorage, sop_instance_uid="1.2")
        assert (reply.status, reply.comment) == (0x0124, "this AE title may not store this SOP Class here")
        assert caller.echo() == 0
    assert listener.litter() == []
