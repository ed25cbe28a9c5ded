"""Which presentation contexts the listener accepts (PS3.8 9.3.3.2, PS3.7 D.3.2)."""

from collections.abc import Sequence
from typing import Any

import pytest
from pydicom.uid import (
    AllTransferSyntaxes,
    CTImageStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    MRImageStorage,
)
from pynetdicom.presentation import PresentationContext, build_context, build_role, negotiate_as_acceptor
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    ModalityWorklistInformationFind,
    PatientRootQueryRetrieveInformationModelMove,
    StorageCommitmentPushModel,
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelGet,
    Verification,
)

from dicomnet.contexts import NO_ROLES, Roles, narrow
from dicomnet.find import FIND_MODELS
from dicomnet.retrieval import RETRIEVE_CLASSES

ACCEPTED, ABSTRACT_SYNTAX_REFUSED, TRANSFER_SYNTAXES_REFUSED = 0, 3, 4
PRIVATE = "1.3.12.2.1107.5.9.1"
UNKNOWN = "1.2.3.4.99"


def negotiated(
    *proposals: tuple[str, Sequence[str]],
    store_classes: frozenset[str] = frozenset(),
    may_commit: bool = False,
    queries: frozenset[str] = frozenset(),
) -> list[tuple[int | None, str | None]]:
    """Result and transfer syntax of each proposed context, as pynetdicom's negotiation ends with ours."""
    proposed: list[PresentationContext] = []
    for number, (abstract, syntaxes) in enumerate(proposals):
        context = build_context(abstract, list(syntaxes))
        context.context_id = 2 * number + 1
        proposed.append(context)
    supported = narrow(proposed, store_classes, may_commit=may_commit, queries=queries)
    results, _ = negotiate_as_acceptor(proposed, supported)
    by_id = sorted(results, key=lambda context: context.context_id or 0)
    return [
        (context.result, str(context.transfer_syntax[0]) if context.result == ACCEPTED else None) for context in by_id
    ]


@pytest.mark.parametrize(
    ("syntaxes", "chosen"),
    [
        ([ImplicitVRLittleEndian], ImplicitVRLittleEndian),
        ([ImplicitVRLittleEndian, ExplicitVRLittleEndian], ExplicitVRLittleEndian),
        ([ExplicitVRLittleEndian, ImplicitVRLittleEndian], ExplicitVRLittleEndian),
        ([JPEG2000Lossless, ExplicitVRLittleEndian], JPEG2000Lossless),
        ([ExplicitVRLittleEndian, JPEG2000Lossless], ExplicitVRLittleEndian),
        ([ImplicitVRLittleEndian, JPEG2000Lossless], ImplicitVRLittleEndian),
        ([ExplicitVRBigEndian, ImplicitVRLittleEndian], ExplicitVRBigEndian),
        ([UNKNOWN, JPEG2000Lossless], JPEG2000Lossless),
    ],
)
def test_the_first_choice_that_can_be_read_is_taken(syntaxes: list[str], chosen: str) -> None:
    assert negotiated((CTImageStorage, syntaxes)) == [(ACCEPTED, str(chosen))]


def test_an_unknown_transfer_syntax_is_refused() -> None:
    assert negotiated((CTImageStorage, [UNKNOWN])) == [(TRANSFER_SYNTAXES_REFUSED, None)]


@pytest.mark.parametrize("abstract_syntax", [PRIVATE, "1.2.840.10008.5.1.4.1.1.999.1", Verification, CTImageStorage])
def test_storage_private_classes_and_verification_are_accepted(abstract_syntax: str) -> None:
    assert negotiated((abstract_syntax, [ImplicitVRLittleEndian])) == [(ACCEPTED, str(ImplicitVRLittleEndian))]


@pytest.mark.parametrize(
    "abstract_syntax",
    [
        StudyRootQueryRetrieveInformationModelFind,
        PatientRootQueryRetrieveInformationModelMove,
        StudyRootQueryRetrieveInformationModelGet,
        ModalityWorklistInformationFind,
        StorageCommitmentPushModel,
    ],
)
def test_classes_of_services_that_are_not_offered_are_refused(abstract_syntax: str) -> None:
    assert negotiated((abstract_syntax, [ImplicitVRLittleEndian])) == [(ABSTRACT_SYNTAX_REFUSED, None)]


def test_storage_commitment_is_accepted_for_those_who_may() -> None:
    proposal = (StorageCommitmentPushModel, [ImplicitVRLittleEndian])
    assert negotiated(proposal, may_commit=True) == [(ACCEPTED, str(ImplicitVRLittleEndian))]
    assert negotiated(proposal, may_commit=False) == [(ABSTRACT_SYNTAX_REFUSED, None)]


@pytest.mark.parametrize(
    ("proposed", "answered"),
    [
        ((True, False), (True, False)),  # the device says that it is the user, which it is
        ((True, True), (True, False)),
        (None, None),
    ],
)
def test_who_asks_for_commitment_is_its_user(
    proposed: tuple[bool, bool] | None, answered: tuple[bool, bool] | None
) -> None:
    context = build_context(StorageCommitmentPushModel, [ImplicitVRLittleEndian])
    context.context_id = 1
    roles: dict[Any, Any] = {StorageCommitmentPushModel: proposed} if proposed else {}
    (result,), replies = negotiate_as_acceptor([context], narrow([context], may_commit=True), roles)
    assert (result.result, result.as_scp, result.as_scu) == (ACCEPTED, True, False)
    assert [(reply.scu_role, reply.scp_role) for reply in replies] == ([answered] if answered else [])


@pytest.mark.parametrize(
    ("may_commit", "proposed", "answered", "as_scp"),
    [
        (False, (False, True), (False, True), False),
        (True, (False, True), (False, True), False),
        (True, (True, True), (True, True), True),
        (False, (True, True), (False, True), False),
    ],
)
def test_who_reports_on_commitment_is_its_provider(
    may_commit: bool, proposed: tuple[bool, bool], answered: tuple[bool, bool], as_scp: bool
) -> None:
    context = build_context(StorageCommitmentPushModel, [ImplicitVRLittleEndian])
    context.context_id = 1
    supported = narrow([context], may_commit=may_commit, reports=True)
    (result,), (reply,) = negotiate_as_acceptor([context], supported, {StorageCommitmentPushModel: proposed})
    assert (result.result, result.as_scp, result.as_scu) == (ACCEPTED, as_scp, True)
    assert (reply.scu_role, reply.scp_role) == answered


def test_each_context_of_one_class_gets_its_own_transfer_syntax() -> None:
    assert negotiated(
        (CTImageStorage, [ExplicitVRLittleEndian]),
        (CTImageStorage, [UNKNOWN]),
        (CTImageStorage, [JPEG2000Lossless]),
        (CTImageStorage, [ExplicitVRLittleEndian]),
        (Verification, [ImplicitVRLittleEndian]),
    ) == [
        (ACCEPTED, str(ExplicitVRLittleEndian)),
        (TRANSFER_SYNTAXES_REFUSED, None),
        (ACCEPTED, str(JPEG2000Lossless)),
        (ACCEPTED, str(ExplicitVRLittleEndian)),
        (ACCEPTED, str(ImplicitVRLittleEndian)),
    ]


def test_every_transfer_syntax_is_accepted_on_its_own() -> None:
    found = negotiated(*[(CTImageStorage, [syntax]) for syntax in AllTransferSyntaxes])
    assert found == [(ACCEPTED, str(syntax)) for syntax in AllTransferSyntaxes]


def test_a_caller_with_classes_of_its_own_gets_no_context_of_another() -> None:
    every = [ExplicitVRLittleEndian]
    answers = negotiated(
        (CTImageStorage, every),
        (MRImageStorage, every),
        (PRIVATE, every),
        (Verification, every),
        store_classes=frozenset({CTImageStorage}),
    )
    results = [result for result, _ in answers]
    assert results == [ACCEPTED, ABSTRACT_SYNTAX_REFUSED, ABSTRACT_SYNTAX_REFUSED, ACCEPTED]


def fetched(
    scu: bool, scp: bool, *, store_classes: frozenset[str] = frozenset(), may_get: bool = True, **more: Any
) -> tuple[Any, list[tuple[bool, bool]]]:
    """What becomes of a CT context of a caller that proposes these roles; the roles that it is granted."""
    context = build_context(CTImageStorage, [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
    context.context_id = 1
    role = build_role(CTImageStorage, scu_role=scu, scp_role=scp)
    fetches = Roles.proposed([role]) if may_get else NO_ROLES
    supported = narrow([context], store_classes, fetches=fetches, **more)
    (result,), replies = negotiate_as_acceptor([context], supported, {CTImageStorage: (scu, scp)})
    return result, [(bool(reply.scu_role), bool(reply.scp_role)) for reply in replies]


@pytest.mark.parametrize(
    ("scu", "scp", "store_classes", "may_get", "roles", "as_scp", "as_scu"),
    [
        (False, True, frozenset(), True, [(False, True)], False, True),
        (True, True, frozenset(), True, [(True, True)], True, True),
        (True, True, frozenset({MRImageStorage}), True, [(False, True)], False, True),
        (False, True, frozenset({MRImageStorage}), True, [(False, True)], False, True),
        (True, True, frozenset(), False, [], True, False),
        (False, True, frozenset(), False, [], True, False),
        (True, False, frozenset(), True, [], True, False),
    ],
)
def test_who_fetches_is_the_scp_of_storage_where_it_asks_to_be_and_may(
    scu: bool,
    scp: bool,
    store_classes: frozenset[str],
    may_get: bool,
    roles: list[tuple[bool, bool]],
    as_scp: bool,
    as_scu: bool,
) -> None:
    result, granted = fetched(scu, scp, store_classes=store_classes, may_get=may_get)
    assert (result.result, result.as_scp, result.as_scu) == (ACCEPTED, as_scp, as_scu)
    assert granted == roles


def test_a_class_that_may_not_be_stored_is_refused_to_who_may_not_fetch_either() -> None:
    result, _ = fetched(False, True, store_classes=frozenset({MRImageStorage}), may_get=False)
    assert result.result == ABSTRACT_SYNTAX_REFUSED


@pytest.mark.parametrize(
    ("scp", "stored", "chosen"),
    [
        (True, [ImplicitVRLittleEndian], ImplicitVRLittleEndian),
        (True, [JPEG2000Lossless, ExplicitVRLittleEndian], ExplicitVRLittleEndian),
        (True, [JPEG2000Lossless], ExplicitVRLittleEndian),
        (False, [ImplicitVRLittleEndian], ExplicitVRLittleEndian),
    ],
)
def test_who_fetches_gets_the_transfer_syntax_that_is_stored(scp: bool, stored: list[str], chosen: str) -> None:
    result, _ = fetched(True, scp, stored={CTImageStorage: stored})
    assert result.transfer_syntax == [chosen]


@pytest.mark.parametrize("uid", RETRIEVE_CLASSES)
def test_retrieval_is_accepted_for_those_who_may_and_with_an_uncompressed_identifier(uid: str) -> None:
    for syntaxes, queries, expected in [
        ([JPEG2000Lossless, DeflatedExplicitVRLittleEndian, ImplicitVRLittleEndian], {uid}, ACCEPTED),
        ([DeflatedExplicitVRLittleEndian], {uid}, TRANSFER_SYNTAXES_REFUSED),
        ([ImplicitVRLittleEndian], set(), ABSTRACT_SYNTAX_REFUSED),
    ]:
        context = build_context(uid, list(syntaxes))
        context.context_id = 1
        (result,), _ = negotiate_as_acceptor([context], narrow([context], queries=frozenset(queries)))
        assert result.result == expected


@pytest.mark.parametrize(
    ("may_find", "syntaxes", "expected"),
    [
        (False, [ImplicitVRLittleEndian], (ABSTRACT_SYNTAX_REFUSED, None)),
        (True, [ImplicitVRLittleEndian], (ACCEPTED, ImplicitVRLittleEndian)),
        (True, [ImplicitVRLittleEndian, ExplicitVRLittleEndian], (ACCEPTED, ExplicitVRLittleEndian)),
        (True, [ExplicitVRBigEndian, ImplicitVRLittleEndian], (ACCEPTED, ImplicitVRLittleEndian)),
        (True, [ExplicitVRBigEndian, JPEG2000Lossless], (TRANSFER_SYNTAXES_REFUSED, None)),
    ],
)
def test_queries_are_for_those_who_may_search_in_what_responses_are_written_in(
    may_find: bool, syntaxes: list[str], expected: tuple[int, str | None]
) -> None:
    model = StudyRootQueryRetrieveInformationModelFind
    assert negotiated((model, syntaxes), queries=FIND_MODELS if may_find else frozenset()) == [expected]
