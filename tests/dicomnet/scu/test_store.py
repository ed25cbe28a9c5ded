"""C-STORE as requestor: bytes arrive as they are in the file, whatever the file holds (PS3.4 Annex B)."""

import logging
import struct
from pathlib import Path

import pytest
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian, generate_uid
from pynetdicom import AllStoragePresentationContexts

from dicomnet.scu.association import MAXIMUM_CONTEXTS
from dicomnet.scu.store import Outgoing, StoreAssociation, StoreOutcome, by_association
from tests.corpus import CT, EXPLICIT, data_set, data_set_bytes, deflated, part10, pydicom_files, write_part10
from tests.peers import dcmtk_storescp, peer, storing_peer


def send_all(port: int, paths: list[Path], ae_title: str = "PEER") -> list[StoreOutcome]:
    outcomes = []
    for run in by_association(Outgoing.from_file(path) for path in paths):
        with StoreAssociation(peer(port, ae_title), [instance.context for instance in run]) as assoc:
            outcomes += [assoc.send(instance) for instance in run]
    return outcomes


def sendable() -> list[Path]:
    """One file for each SOP Instance UID that says in group 0002 which one it is."""
    found: dict[str, Path] = {}
    for path in pydicom_files():
        instance = Outgoing.from_file(path)
        if instance.sop_class_uid and instance.sop_instance_uid:
            found.setdefault(instance.sop_instance_uid, path)
    return list(found.values())


def as_on_the_wire(data: bytes) -> bytes:
    return data + b"\0" * (len(data) % 2)


def test_every_pydicom_file_arrives_byte_for_byte() -> None:
    paths = sendable()
    assert len(paths) > 40
    with storing_peer() as storing:
        outcomes = dict(zip(paths, send_all(storing.port, paths), strict=True))
    for path, outcome in outcomes.items():
        instance = Outgoing.from_file(path)
        if outcome.is_stored:
            assert storing.received[instance.sop_instance_uid] == as_on_the_wire(data_set_bytes(path)), path.name
            assert storing.syntaxes[instance.sop_instance_uid] == instance.transfer_syntax_uid
        else:
            assert outcome.status is None
            assert "does not accept" in outcome.comment or "odd length" in outcome.comment, path.name
    assert len(storing.received) > 40


@pytest.mark.peers
def test_dcmtk_writes_the_bytes_that_were_sent(tmp_path: Path) -> None:
    paths = sendable()
    with dcmtk_storescp(tmp_path, "+B") as port:
        outcomes = send_all(port, paths, "DCMTK")
    written = {Outgoing.from_file(path).sop_instance_uid: path for path in tmp_path.iterdir()}
    stored = [path for path, outcome in zip(paths, outcomes, strict=True) if outcome.is_stored]
    assert len(stored) > 40
    for path in stored:
        uid = Outgoing.from_file(path).sop_instance_uid
        assert data_set_bytes(written[uid]) == as_on_the_wire(data_set_bytes(path)), path.name


def test_a_deflated_stream_of_odd_length_is_padded_with_one_zero(tmp_path: Path) -> None:
    uid = "1.2.3.4.5.6"
    stream = next(
        stream
        for size in range(2, 40, 2)
        if len(stream := deflated(data_set(sop_instance_uid=uid.encode(), modality=b"C" * size))) % 2
    )
    path = write_part10(tmp_path, stream, uid=uid, syntax=DeflatedExplicitVRLittleEndian)
    with storing_peer() as storing:
        assert send_all(storing.port, [path]) == [StoreOutcome(0)]
    assert storing.received[uid] == stream + b"\0"


def test_a_data_set_of_odd_length_is_not_sent(tmp_path: Path) -> None:
    path = write_part10(tmp_path, data_set(sop_instance_uid=b"1.2.3") + b"\0", uid="1.2.3")
    with storing_peer() as storing:
        (outcome,) = send_all(storing.port, [path])
    assert outcome.status is None
    assert "odd length" in outcome.comment
    assert storing.calls == []


@pytest.mark.parametrize("size", [65_536 - 14, 65_536 - 12, 65_536 - 10, 1_000_000])
def test_sizes_about_the_peers_pdu_limit_arrive_whole(tmp_path: Path, size: int) -> None:
    data = data_set(sop_instance_uid=b"1.2.3")
    data += b"\x99\0\x10\x10OB\0\0" + struct.pack("<L", size - len(data) - 12) + bytes(size - len(data) - 12)
    path = write_part10(tmp_path, data, uid="1.2.3")
    with storing_peer() as storing:
        assert send_all(storing.port, [path]) == [StoreOutcome(0)]
    assert storing.received["1.2.3"] == data


def test_statuses_and_comments_come_back(tmp_path: Path) -> None:
    paths = [write_part10(tmp_path) for _ in range(5)]
    with storing_peer(statuses=[0xA700, 0xB000, 0xC123, 0x0122, 0x0000]) as storing:
        outcomes = send_all(storing.port, paths)
    assert [outcome.status for outcome in outcomes] == [0xA700, 0xB000, 0xC123, 0x0122, 0x0000]
    assert [outcome.is_stored for outcome in outcomes] == [False, True, False, False, True]
    assert str(outcomes[0]) == "0xA700 Out of resources"


def test_a_context_that_the_peer_refuses_is_told_and_the_others_go_on(tmp_path: Path) -> None:
    private = tmp_path / "private.dcm"
    private.write_bytes(
        write_part10(tmp_path).read_bytes().replace(CT.encode() + b"\0", b"1.2.3.99".ljust(len(CT) + 1, b"\0"))
    )
    paths = [private, write_part10(tmp_path)]
    with storing_peer() as storing:
        refused, stored = send_all(storing.port, paths)
    assert refused == StoreOutcome(None, f"PEER does not accept SOP Class 1.2.3.99 in {EXPLICIT}")
    assert stored == StoreOutcome(0)


def test_a_file_that_became_shorter_is_not_begun_and_the_association_stands(tmp_path: Path) -> None:
    path = write_part10(tmp_path)
    instance = Outgoing.from_file(path)
    path.write_bytes(path.read_bytes()[:-10])
    other = Outgoing.from_file(write_part10(tmp_path))
    with storing_peer() as storing:
        with StoreAssociation(peer(storing.port), [instance.context]) as assoc:
            with pytest.raises(OSError, match="size"):
                assoc.send(instance)
            assert assoc.send(other) == StoreOutcome(0)
        assert storing.calls == [other.sop_instance_uid]


def test_a_file_without_a_data_set_is_not_begun(tmp_path: Path) -> None:
    instance = Outgoing.from_file(write_part10(tmp_path, b""))
    with storing_peer() as storing, StoreAssociation(peer(storing.port), [instance.context]) as assoc:
        with pytest.raises(OSError, match="no data set"):
            assoc.send(instance)
        assert assoc.send(Outgoing.from_file(write_part10(tmp_path))) == StoreOutcome(0)


def test_a_missing_file_leaves_the_association_usable(tmp_path: Path) -> None:
    path = write_part10(tmp_path)
    instance = Outgoing.from_file(path)
    path.unlink()
    with storing_peer() as storing, StoreAssociation(peer(storing.port), [instance.context]) as assoc:
        with pytest.raises(FileNotFoundError):
            assoc.send(instance)
        assert assoc.send(Outgoing.from_file(write_part10(tmp_path))) == StoreOutcome(0)


def outgoing(number: int) -> Outgoing:
    return Outgoing(Path("unused"), f"1.2.{number}", str(generate_uid()), str(ExplicitVRLittleEndian), 0, 0)


def test_more_contexts_than_fit_are_split_into_runs_in_order() -> None:
    instances = [outgoing(number % 300) for number in range(600)]
    runs = list(by_association(instances))
    assert [instance for run in runs for instance in run] == instances
    assert all(len({instance.context for instance in run}) <= MAXIMUM_CONTEXTS for run in runs)
    assert len(runs) == 5


def test_as_many_contexts_as_fit_are_one_run() -> None:
    assert len(list(by_association(outgoing(number % MAXIMUM_CONTEXTS) for number in range(1000)))) == 1
    assert list(by_association([])) == []


def test_129_contexts_are_refused_before_the_network() -> None:
    with pytest.raises(ValueError, match="128"):
        StoreAssociation(peer(1), [(f"1.2.{number}", EXPLICIT) for number in range(129)])


def test_more_than_128_classes_are_sent_over_several_associations(tmp_path: Path) -> None:
    classes = [str(context.abstract_syntax) for context in AllStoragePresentationContexts[:140]]
    paths = []
    for number, sop_class_uid in enumerate(classes):
        path = tmp_path / f"{number}.dcm"
        uid = f"1.2.{number}"
        data = data_set(sop_class_uid=sop_class_uid.encode(), sop_instance_uid=uid.encode())
        path.write_bytes(part10(data, sop_instance_uid=uid, sop_class_uid=sop_class_uid))
        paths.append(path)
    with storing_peer() as storing:
        outcomes = send_all(storing.port, paths)
    assert outcomes == [StoreOutcome(0)] * 140
    assert storing.associations == 2


def test_what_is_sent_is_not_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    data = data_set(sop_instance_uid=b"1.2.3", early=b"\x10\0\x10\0PN\x08\0Doe^Jane")
    with caplog.at_level(logging.DEBUG), storing_peer() as storing:
        send_all(storing.port, [write_part10(tmp_path, data, uid="1.2.3")])
    assert "Doe^Jane" not in caplog.text
