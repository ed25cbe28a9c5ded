"""An archive to be asked, too quick to be what is measured: ``python -m benchmarks.span_archive NUMBER DELAY_MS``.

It holds 10,000 of 40,000 studies, each of which another archive of the eight has too, and answers C-FIND at the level
STUDY by PatientID from a table. pynetdicom's own provider takes 0.8 ms for a match and a thread for an association. It
prints its port, and ends with whoever started it.
"""

import asyncio
import struct
import sys
from collections import defaultdict
from functools import partial

from pydicom.uid import ExplicitVRLittleEndian
from pynetdicom.pdu import A_ASSOCIATE_AC, A_ASSOCIATE_RQ

from dicomnet.wire import pdu
from dicomnet.wire.elements import element

ARCHIVES, STUDIES, EACH = 8, 40_000, 4  # studies of one patient
EXPLICIT = str(ExplicitVRLittleEndian)
FRAGMENT_BYTES = 16_000
PATIENT_ID = b"\x10\x00\x20\x00LO"


def holders(study: int) -> tuple[int, int]:
    """The numbers of the two archives that have a study."""
    return study % ARCHIVES, (study + 1) % ARCHIVES


def patient_of(study: int) -> str:
    """A patient's studies follow each other, so that half the archives and more have one."""
    return f"PAT{study // EACH:06}"


def table_of(number: int) -> dict[str, list[bytes]]:
    """Identifiers of an archive's studies, by patient ID."""
    found = defaultdict(list)
    for study in range(STUDIES):
        if number in holders(study):
            found[patient_of(study)].append(_identifier(study))
    return found


def _identifier(study: int) -> bytes:
    held = (
        (0x00080020, "DA", f"20{10 + study % 16}{1 + study % 12:02}{1 + study % 28:02}"),
        (0x00080030, "TM", "101112"),
        (0x00080050, "SH", f"ACC{study:06}"),
        (0x00080052, "CS", "STUDY"),
        (0x00080061, "CS", "CT\\SR"),
        (0x00080090, "PN", "Referring^Doctor"),
        (0x00081030, "LO", "CT Thorax"),
        (0x00100010, "PN", f"Example^Person{study // EACH}"),
        (0x00100020, "LO", patient_of(study)),
        (0x00100030, "DA", "19500101"),
        (0x00100040, "CS", "F"),
        (0x0020000D, "UI", f"1.2.826.0.9.{study + 1}"),
        (0x00200010, "SH", str(study)),
        (0x00201206, "IS", "2"),
        (0x00201208, "IS", "80"),
    )
    return b"".join(element(tag, vr, value.encode(), is_explicit=True) for tag, vr, value in held)


class Association(asyncio.Protocol):
    """One association."""

    def __init__(self, table: dict[str, list[bytes]], delay_seconds: float) -> None:
        self._table, self._delay_seconds = table, delay_seconds
        self._bytes, self._context_id, self._message_id, self._data = bytearray(), 0, b"", bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep it."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 (TCP has no other)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Whole PDUs are dealt with."""
        self._bytes += data
        while len(self._bytes) >= pdu.PDU_HEADER_BYTES:
            kind, length = pdu.PDU_HEADER.unpack_from(self._bytes)
            if len(self._bytes) < pdu.PDU_HEADER_BYTES + length:
                return
            whole = bytes(self._bytes[: pdu.PDU_HEADER_BYTES + length])
            del self._bytes[: pdu.PDU_HEADER_BYTES + length]
            self._take(kind, whole)

    def _take(self, kind: int, whole: bytes) -> None:
        if kind == pdu.A_ASSOCIATE_RQ:
            self._transport.write(acceptance(whole))
        elif kind == pdu.P_DATA_TF:
            for context_id, control, fragment in pdu.fragments(whole[pdu.PDU_HEADER_BYTES :]):
                self._take_fragment(context_id, control, fragment)
        elif kind == pdu.A_RELEASE_RQ:
            self._transport.write(struct.pack(">BxL4x", pdu.A_RELEASE_RP, 4))
        else:
            self._transport.close()

    def _take_fragment(self, context_id: int, control: int, fragment: bytes) -> None:
        if control & pdu.IS_COMMAND:
            command = pdu.parse_command(fragment)
            if command[pdu.COMMAND_FIELD] == pdu.C_FIND_RQ:
                self._context_id, self._message_id = context_id, command[pdu.MESSAGE_ID]
                self._data.clear()
            return
        self._data += fragment
        if control & pdu.IS_LAST:
            answer = self._answer(bytes(self._data))
            asyncio.get_running_loop().call_later(self._delay_seconds, self._transport.write, answer)

    def _answer(self, keys: bytes) -> bytes:
        at = keys.find(PATIENT_ID)
        length = int.from_bytes(keys[at + 6 : at + 8], "little") if at >= 0 else 0
        wanted = keys[at + 8 : at + 8 + length].decode("ascii").strip() if length else ""
        found = [
            self._response(b"\x00\xff", pdu.HAS_DATA_SET) + pdu.split(self._context_id, match, 0, FRAGMENT_BYTES)
            for match in self._table.get(wanted, ())
        ]
        return b"".join(found) + self._response(b"\0\0", pdu.NO_DATA_SET)

    def _response(self, status: bytes, data_set: bytes) -> bytes:
        elements = (
            (pdu.COMMAND_FIELD, pdu.C_FIND_RSP),
            (pdu.MESSAGE_ID_BEING_RESPONDED_TO, self._message_id),
            (pdu.COMMAND_DATA_SET_TYPE, data_set),
            (pdu.STATUS, status),
        )
        return pdu.command_pdus(self._context_id, elements, FRAGMENT_BYTES)


def acceptance(request: bytes) -> bytes:
    """The A-ASSOCIATE-AC PDU that accepts every context that may be in Explicit VR Little Endian."""
    asked = A_ASSOCIATE_RQ()
    asked.decode(request)
    primitive = asked.to_primitive()
    primitive.result, primitive.result_source = 0, 1
    for context in primitive.presentation_context_definition_list:
        is_taken = EXPLICIT in context.transfer_syntax
        context.transfer_syntax = [EXPLICIT if is_taken else context.transfer_syntax[0]]
        context.result = 0 if is_taken else 4
    primitive.presentation_context_definition_results_list = primitive.presentation_context_definition_list
    answer = A_ASSOCIATE_AC()
    answer.from_primitive(primitive)
    encoded: bytes = answer.encode()
    return encoded


async def serve(number: int, delay_seconds: float) -> None:
    """Until whoever started it closes the standard input."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(partial(Association, table_of(number), delay_seconds), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2]) / 1000))
