"""What callers say on an association, as PDUs: the material that is mutated."""

import random
import struct
from collections.abc import Sequence

from dicomnet.wire.pdu import HAS_DATA_SET, IS_COMMAND, IS_LAST, RELEASE_RQ, abort_pdu
from tests.conformance.raw import (
    C_CANCEL,
    C_FIND,
    ECHO,
    IMPLICIT,
    N_ACTION,
    STORE,
    USUAL,
    VERIFICATION,
    associate_rq,
    command,
    echo_command,
    item,
    p_data,
    pdv,
    store_command,
)
from tests.corpus import CT, EXPLICIT, data_set, element

UID = "1.2.3.4"
DATA = data_set(sop_instance_uid=UID.encode()) + element(0x7FE00010, "OW", bytes(3_000))
COMMAND = IS_COMMAND | IS_LAST


def cut(context_id: int, value: bytes, control: int, size: int) -> list[bytes]:
    """Presentation data values of this size."""
    pieces = [value[start : start + size] for start in range(0, max(len(value), 1), size)]
    last = len(pieces) - 1
    return [pdv(context_id, control | (IS_LAST if at == last else 0), piece) for at, piece in enumerate(pieces)]


def store(size: int = 16_000, message_id: int = 1) -> list[bytes]:
    """The PDUs of one C-STORE, its data set in fragments of this size."""
    head = p_data(pdv(STORE, COMMAND, store_command(UID, message_id)))
    return [head, *(p_data(value) for value in cut(STORE, DATA, 0, size))]


def echo(message_id: int = 1) -> list[bytes]:
    """The PDU of one C-ECHO."""
    return [p_data(pdv(ECHO, COMMAND, echo_command(message_id)))]


def recorded() -> list[list[bytes]]:
    """Thirty associations, each a list of PDUs; all of them are right."""
    many = [(2 * number + 1, f"1.2.840.10008.5.1.4.1.1.{number + 1}", (EXPLICIT, IMPLICIT)) for number in range(60)]
    more = {
        "identity": item(0x58, b"\1\0" + struct.pack(">H4sH", 4, b"user", 0)),
        "window": item(0x53, struct.pack(">HH", 5, 5)),
        "role": item(0x54, struct.pack(">H", len(CT)) + CT.encode() + b"\1\1"),
        "extended": item(0x56, struct.pack(">H", len(CT)) + CT.encode() + b"\1\1\1"),
        "version": item(0x55, b"RECORDED"),
    }
    usual, release, abort = associate_rq(), RELEASE_RQ, abort_pdu()
    associations: list[list[bytes]] = [
        [usual, release],
        [usual, abort],
        [usual, *echo(), release],
        [usual, *echo(1), *echo(2), *echo(3), release],
        [usual, *store(), release],
        [usual, *store(500), release],
        [usual, *store(100), abort],
        [usual, *store(16_000, 1), *store(16_000, 2), release],
        [usual, *store()[:2], abort],
        [usual, *echo(), *store(), *echo(), release],
        [usual, p_data(*cut(STORE, store_command(UID), IS_COMMAND, 20)), *store()[1:], release],
        [usual, p_data(pdv(STORE, COMMAND, store_command(UID)), *cut(STORE, DATA, 0, 1_000)), release],
        [usual, p_data(pdv(STORE, COMMAND, store_command(UID)), pdv(STORE, IS_LAST, b"")), release],
        [usual, p_data(pdv(ECHO, COMMAND, command(C_CANCEL, more={0x0120: b"\1\0"}))), release],
        [usual, p_data(pdv(ECHO, COMMAND, command(C_FIND, sop_class=VERIFICATION))), release],
        [
            usual,
            p_data(pdv(ECHO, COMMAND, command(N_ACTION, more={0x0800: HAS_DATA_SET}))),
            p_data(pdv(ECHO, IS_LAST, DATA)),
            release,
        ],
        [associate_rq(many), release],
        [associate_rq([]), release],
        [associate_rq([(1, VERIFICATION, ("1.2.3",))]), release],
        [associate_rq(called=b"OTHER")],
        [associate_rq(maximum_length=0), *echo(), release],
        [associate_rq(maximum_length=64), *echo(), release],
        [associate_rq(reserved=255), *echo(), release],
        [associate_rq(version=3), *echo(), release],
        *([associate_rq(user_items=value), *echo(), release] for value in more.values()),
        [associate_rq([*USUAL, *USUAL], user_items=b"".join(more.values())), *store(), release],
    ]
    assert len(associations) == 30
    return associations


LENGTHS = (0, 1, 2, 3, 4, 5, 6, 0x7F, 0xFFFF, 0x10000, 0x7FFFFFFF, 0xFFFFFFFE, 0xFFFFFFFF)


def mutate(association: Sequence[bytes], seeded: random.Random) -> bytes:
    """One to four changes that know where lengths, types and identifiers stand."""
    pdus = [bytearray(one) for one in association]
    for _ in range(seeded.randrange(1, 5)):
        seeded.choice(
            [_lie_in_pdu_length, _another_type, _lie_inside, _flip, _cut, _grow, _drop, _repeat, _swap, _spoil_title]
        )(pdus, seeded)
    return b"".join(pdus)


def _one(pdus: list[bytearray], seeded: random.Random) -> bytearray:
    return seeded.choice(pdus) if pdus else bytearray()


def _lie_in_pdu_length(pdus: list[bytearray], seeded: random.Random) -> None:
    one = _one(pdus, seeded)
    if len(one) >= 6:
        struct.pack_into(">L", one, 2, seeded.choice(LENGTHS))


def _another_type(pdus: list[bytearray], seeded: random.Random) -> None:
    if one := _one(pdus, seeded):
        one[0] = seeded.choice([0, 1, 2, 3, 4, 5, 6, 7, 8, 255])


def _lie_inside(pdus: list[bytearray], seeded: random.Random) -> None:
    """An item's, a fragment's or an element's length: two or four bytes anywhere behind the header."""
    one = _one(pdus, seeded)
    if len(one) > 12:
        code = seeded.choice([">H", ">L", "<L"])
        struct.pack_into(
            code,
            one,
            seeded.randrange(6, len(one) - 4),
            seeded.choice(LENGTHS) & (0xFFFF if code == ">H" else 0xFFFFFFFF),
        )


def _flip(pdus: list[bytearray], seeded: random.Random) -> None:
    if one := _one(pdus, seeded):
        for _ in range(seeded.randrange(1, 8)):
            one[seeded.randrange(len(one))] = seeded.randrange(256)


def _cut(pdus: list[bytearray], seeded: random.Random) -> None:
    if one := _one(pdus, seeded):
        del one[seeded.randrange(len(one)) :]


def _grow(pdus: list[bytearray], seeded: random.Random) -> None:
    one = _one(pdus, seeded)
    at = seeded.randrange(len(one) + 1)
    one[at:at] = seeded.randbytes(seeded.choice([1, 2, 100, 70_000]))


def _drop(pdus: list[bytearray], seeded: random.Random) -> None:
    if pdus:
        del pdus[seeded.randrange(len(pdus))]


def _repeat(pdus: list[bytearray], seeded: random.Random) -> None:
    if pdus:
        at = seeded.randrange(len(pdus))
        pdus[at:at] = [bytearray(pdus[at]) for _ in range(seeded.choice([1, 2, 30]))]


def _swap(pdus: list[bytearray], seeded: random.Random) -> None:
    seeded.shuffle(pdus)


def _spoil_title(pdus: list[bytearray], seeded: random.Random) -> None:
    one = _one(pdus, seeded)
    if len(one) > 74:
        one[10:42] = seeded.choice(
            [b"\0" * 32, b" " * 32, b"\xff" * 32, b"GANTRY\n\r\t\\*     " * 2, "ÄÖ".encode() * 8]
        )
