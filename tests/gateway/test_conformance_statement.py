"""The conformance statement in docs is what the code says (PS3.2)."""

import pytest
from pynetdicom.presentation import build_context

from dicomnet.conformance import STATUSES, SopClass, network_classes, status_rows
from dicomnet.contexts import narrow
from dicomnet.find import FIND_MODELS
from dicomnet.retrieval import RETRIEVE_CLASSES
from gateway.conformance_statement import COMMAND, PATH, statement


def test_the_statement_in_docs_is_what_the_code_says() -> None:
    assert PATH.read_text() == statement(), f"make it anew: {COMMAND}"


@pytest.mark.parametrize("service", STATUSES)
def test_every_status_that_is_answered_has_a_meaning(service: str) -> None:
    statuses, meanings = STATUSES[service]
    assert [code for code, _ in status_rows(service)] == [f"0x{status:04X}" for status in statuses]
    assert set(meanings) == set(statuses)


QUERIES = FIND_MODELS | frozenset(RETRIEVE_CLASSES)


@pytest.mark.parametrize("known", [known for known in network_classes() if known.as_scp], ids=lambda known: known.name)
def test_what_is_provided_is_accepted_in_what_the_statement_says(known: SopClass) -> None:
    for syntax in known.syntaxes:
        (accepted,) = narrow([build_context(known.uid, [syntax])], may_commit=True, queries=QUERIES)
        assert accepted.transfer_syntax == [syntax]
