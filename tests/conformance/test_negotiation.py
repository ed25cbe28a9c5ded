"""Association negotiation as acceptor: what may stand in an A-ASSOCIATE-RQ, and the answer (PS3.8 9.3.2, PS3.7 D.3)."""

import struct

import pytest
from pydicom.uid import AllTransferSyntaxes, JPEGBaseline8Bit
from pynetdicom import AllStoragePresentationContexts

from tests.conformance.raw import (
    ECHO,
    IMPLICIT,
    STORE,
    VERIFICATION,
    Context,
    Raw,
    associate_rq,
    echo_command,
    item,
    p_data,
    pdu,
    pdv,
)
from tests.conformance.test_state_machine import ENDED
from tests.corpus import CT, EXPLICIT, data_set
from tests.peers import Listener

pytestmark = pytest.mark.embedded  # no database has a part in it
ACCEPTANCE, ABSTRACT_SYNTAX_NOT_SUPPORTED, TRANSFER_SYNTAXES_NOT_SUPPORTED = 0, 3, 4
MAXIMUM_LENGTH, CLASS_UID, ASYNCHRONOUS, ROLE, VERSION_NAME = 0x51, 0x52, 0x53, 0x54, 0x55
EXTENDED, COMMON_EXTENDED, IDENTITY, IDENTITY_ANSWER = 0x56, 0x57, 0x58, 0x59


def uid_field(uid: str) -> bytes:
    return struct.pack(">H", len(uid)) + uid.encode()


def identity(kind: int, *fields: bytes, answer: bool = False) -> bytes:
    primary, secondary = (*fields, b"")[:2]
    lengths = struct.pack(">BBH", kind, answer, len(primary)) + primary + struct.pack(">H", len(secondary))
    return item(IDENTITY, lengths + secondary)


ACCEPTED = {
    "reserved bytes that are not zero": associate_rq(reserved=0xFF),
    "AE titles with spaces before them": associate_rq(called=b"  GANTRY", calling=b" MODALITY"),
    "a calling AE title of 16 characters": associate_rq(calling=b"ABCDEFGHIJKLMNOP"),
    "an unlimited maximum length": associate_rq(maximum_length=0),
    "a maximum length of 4 GiB": associate_rq(maximum_length=0xFFFFFFFF),
    "an implementation version name": associate_rq(user_items=item(VERSION_NAME, b"MODALITY 1.0")),
    "asynchronous operations": associate_rq(user_items=item(ASYNCHRONOUS, struct.pack(">HH", 5, 5))),
    "unlimited asynchronous operations": associate_rq(user_items=item(ASYNCHRONOUS, bytes(4))),
    "roles": associate_rq(user_items=item(ROLE, uid_field(CT) + b"\1\1")),
    "the SCP role alone": associate_rq(user_items=item(ROLE, uid_field(VERIFICATION) + b"\0\1")),
    "a role of a class that is not proposed": associate_rq(user_items=item(ROLE, uid_field("1.2.3") + b"\1\1")),
    "SOP Class extended negotiation": associate_rq(
        user_items=item(EXTENDED, uid_field(CT) + b"\2\0\3\0\1\0"),
    ),
    "SOP Class common extended negotiation": associate_rq(
        user_items=item(
            COMMON_EXTENDED,
            uid_field(CT)
            + uid_field("1.2.840.10008.4.2")
            + struct.pack(">H", 2 + len("1.2.3.4"))
            + uid_field("1.2.3.4"),
        ),
    ),
    "a user name": associate_rq(user_items=identity(1, b"somebody")),
    "a user name, answer wanted": associate_rq(user_items=identity(1, b"somebody", answer=True)),
    "a user name and a passcode": associate_rq(user_items=identity(2, b"somebody", b"secret", answer=True)),
    "a Kerberos ticket": associate_rq(user_items=identity(3, b"\x60\x82" + bytes(300))),
    "a SAML assertion": associate_rq(user_items=identity(4, b"<saml/>")),
    "a JSON web token": associate_rq(user_items=identity(5, b"e30.e30.")),
}

UNKNOWN = {
    "an item that nobody knows": associate_rq(extra_items=item(0x77, b"whatever")),
    "a user item that nobody knows": associate_rq(user_items=item(0x5F, b"whatever")),
    "a user item of no byte": associate_rq(user_items=item(0x5F, b"")),
}
ACCEPTED |= UNKNOWN


@pytest.mark.parametrize("name", ACCEPTED)
def test_what_is_accepted_leaves_the_association_usable(listener: Listener, name: str) -> None:
    with Raw(listener.port) as connection:
        accepted = connection.associate(ACCEPTED[name])
        assert accepted.contexts == {ECHO: (ACCEPTANCE, IMPLICIT), STORE: (ACCEPTANCE, EXPLICIT)}
        (maximum,) = accepted.user_items[MAXIMUM_LENGTH]
        assert struct.unpack(">L", maximum)[0] >= 16_384
        (class_uid,) = accepted.user_items[CLASS_UID]
        assert 0 < len(class_uid) <= 64
        assert len(accepted.user_items.get(VERSION_NAME, [b""])[0]) <= 16
        # One operation at a time is what the absence of the item says as well (PS3.7 D.3.3.3).
        assert accepted.user_items.get(ASYNCHRONOUS, [b"\0\1\0\1"]) == [b"\0\1\0\1"]
        assert COMMON_EXTENDED not in accepted.user_items
        assert IDENTITY not in accepted.user_items
        assert connection.echo() == 0
        assert connection.store(data_set(sop_instance_uid=b"1.2"), "1.2") == 0
        assert connection.release() == "released"


def test_the_answer_repeats_the_ae_titles(listener: Listener) -> None:
    """PS3.8 Table 9-17: the bytes of the request, whatever they are."""
    request = associate_rq(called=b"  GANTRY", calling=b" MODALITY")
    with Raw(listener.port) as connection:
        assert connection.associate(request).body[4:36] == request[10:42]


VERSIONS = {1: "accepted", 3: "accepted", 0xFFFF: "accepted", 2: ("reject", 1, 2, 2), 0: ("reject", 1, 2, 2)}


@pytest.mark.parametrize("version", VERSIONS)
def test_bit_0_of_the_protocol_version_counts(listener: Listener, version: int) -> None:
    with Raw(listener.port) as connection:
        connection.send(associate_rq(version=version))
        assert connection.answer() == VERSIONS[version]


REJECTED = {
    "another application context": (associate_rq(application_context=b"1.2.3"), ("reject", 1, 1, 2)),
    "another called AE title": (associate_rq(called=b"OTHER"), ("reject", 1, 1, 7)),
}


@pytest.mark.parametrize("name", REJECTED)
def test_what_is_rejected_has_its_reason(listener: Listener, name: str) -> None:
    request, wanted = REJECTED[name]
    with Raw(listener.port) as connection:
        connection.send(request)
        assert connection.answer() == wanted


# Proposed contexts and the results; a context that breaks the rules must not become usable, and may end it all.
PROPOSED: dict[str, tuple[list[Context], dict[int, tuple[int, str]]]] = {
    "in any order": (
        [(255, VERIFICATION, [IMPLICIT]), (1, CT, [EXPLICIT]), (77, CT, [IMPLICIT])],
        {255: (0, IMPLICIT), 1: (0, EXPLICIT), 77: (0, IMPLICIT)},
    ),
    "the same class in each transfer syntax": (
        [(1 + 2 * number, CT, [syntax]) for number, syntax in enumerate(AllTransferSyntaxes)],
        {1 + 2 * number: (0, str(syntax)) for number, syntax in enumerate(AllTransferSyntaxes)},
    ),
    "the first that can be read": (
        [(1, CT, ["1.2.3.4", JPEGBaseline8Bit, EXPLICIT])],
        {1: (0, str(JPEGBaseline8Bit))},
    ),
    "no transfer syntax that can be read": ([(1, CT, ["1.2.3.4"]), (3, CT, [EXPLICIT])], {3: (0, EXPLICIT)}),
    "another service's class": (
        [(1, "1.2.840.10008.5.1.4.1.2.2.1", [IMPLICIT]), (3, CT, [EXPLICIT])],
        {3: (0, EXPLICIT)},
    ),
    "a private class": ([(1, "1.3.12.2.1107.5.9.1", [EXPLICIT])], {1: (0, EXPLICIT)}),
    "nothing that is served": ([(1, "1.2.840.10008.5.1.4.1.2.2.1", [IMPLICIT])], {}),
    "every transfer syntax in each of 128": (
        [
            (1 + 2 * number, str(cx.abstract_syntax), list(AllTransferSyntaxes))
            for number, cx in enumerate((AllStoragePresentationContexts * 2)[:128])
        ],
        {1 + 2 * number: (0, EXPLICIT) for number in range(128)},
    ),
}


@pytest.mark.parametrize("name", PROPOSED)
def test_each_context_has_its_result(listener: Listener, name: str) -> None:
    contexts, wanted = PROPOSED[name]
    with Raw(listener.port) as connection:
        accepted = connection.associate(associate_rq(contexts))
        assert {number: found for number, found in accepted.contexts.items() if found[0] == ACCEPTANCE} == wanted
        assert set(accepted.contexts) == {number for number, *_ in contexts}
        for number, abstract_syntax, _ in contexts:
            if abstract_syntax == VERIFICATION:
                assert connection.echo(context_id=number) == 0
        assert connection.release() == "released"


def test_what_is_not_supported_says_why(listener: Listener) -> None:
    contexts: list[Context] = [(1, CT, ["1.2.3.4"]), (3, "1.2.840.10008.5.1.4.1.2.2.1", [IMPLICIT]), (5, CT, [])]
    with Raw(listener.port) as connection:
        found = connection.associate(associate_rq(contexts)).contexts
    assert {number: result for number, (result, _) in found.items()} == {
        1: TRANSFER_SYNTAXES_NOT_SUPPORTED,
        3: ABSTRACT_SYNTAX_NOT_SUPPORTED,
        5: TRANSFER_SYNTAXES_NOT_SUPPORTED,
    }


BROKEN = {
    "an even ID": associate_rq([(2, VERIFICATION, [IMPLICIT])]),
    "ID 0": associate_rq([(0, VERIFICATION, [IMPLICIT])]),
    "no transfer syntax": associate_rq([(1, VERIFICATION, [])]),
    "no context": associate_rq([]),
    "no abstract syntax": associate_rq([(1, "", [IMPLICIT])]),
    "an item that is cut off": associate_rq(extra_items=item(0x77, b"abc", length=30)),
    "an item of one byte": associate_rq(extra_items=b"\x77"),
    "a user item that is cut off": associate_rq(user_items=item(0x51, b"\0", length=400)),
    "a maximum length of one byte": associate_rq(maximum_length=None, user_items=item(0x51, b"\1")),
    "a role that is cut off": associate_rq(user_items=item(ROLE, b"\0\xff1.2")),
    "an identity that is cut off": associate_rq(user_items=item(IDENTITY, b"\1\0\0\xffx")),
    "a UID that is none": associate_rq([(1, "../../x", [IMPLICIT])]),
    "a UID of 200 characters": associate_rq([(1, "1." + "2" * 198, [IMPLICIT])]),
    "a UID that is no ASCII": pdu(1, associate_rq()[6:].replace(VERIFICATION.encode(), b"\xff" * 17)),
    "an AE title that is no ASCII": associate_rq(calling=b"MODALIT\xc4"),
    "AE titles of spaces": associate_rq(called=b"", calling=b""),
    "no maximum length": associate_rq(maximum_length=None),
    "no item": pdu(1, associate_rq()[6:74]),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_request_is_answered_at_once_and_others_are_served(listener: Listener, name: str) -> None:
    """Whatever the answer is, a context that is none is not accepted, and the listener goes on."""
    with Raw(listener.port) as connection:
        connection.send(BROKEN[name])
        answer = connection.answer()
        assert answer in ENDED | {"accepted"} or answer[0] == "reject"
    with Raw(listener.port) as connection:
        connection.associate()
        assert connection.echo() == 0


@pytest.mark.parametrize("name", ["an even ID", "ID 0", "no transfer syntax", "no abstract syntax"])
def test_a_context_that_is_none_cannot_be_used(listener: Listener, name: str) -> None:
    with Raw(listener.port) as connection:
        connection.send(BROKEN[name])
        if connection.answer() == "accepted":
            connection.send(p_data(pdv({"an even ID": 2, "ID 0": 0}.get(name, 1), 3, echo_command())))
            assert connection.answer() in ENDED


def test_the_same_id_twice_is_not_two_contexts(listener: Listener) -> None:
    with Raw(listener.port) as connection:
        connection.send(associate_rq([(1, VERIFICATION, [IMPLICIT]), (1, CT, [EXPLICIT])]))
        answer = connection.answer()
        assert answer in ENDED | {"accepted"} or answer[0] == "reject"
    with Raw(listener.port) as connection:
        connection.associate()
        assert connection.echo() == 0


@pytest.mark.parametrize("maximum", [4096, 128, 64, 20])
def test_no_pdu_is_longer_than_the_caller_takes(listener: Listener, maximum: int) -> None:
    """PS3.8 D.1: the maximum length is that of a P-DATA-TF PDU's variable field, so responses are cut to fit."""
    with Raw(listener.port) as connection:
        connection.associate(associate_rq(maximum_length=maximum))
        connection.maximum = maximum
        assert connection.echo() == 0
        assert connection.store(data_set(sop_instance_uid=b"1.2"), "1.2") == 0
        assert connection.store(b"", "1.2") == 0xC000
        assert connection.release() == "released"
