"""Other implementations store to Gantry, plain and over TLS: what arrives is what the same caller brings elsewhere.

Callers encode anew what they read, so the measure of each is what it brings to a storescp that keeps every bit.
"""

import hashlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.uid import AllTransferSyntaxes
from pynetdicom import AE
from pynetdicom.presentation import build_context
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]

from dicomnet.scu.outgoing import Outgoing
from dicomnet.tls import TlsFiles, client_context
from tests.conformance.instances import DEFLATED, EVERY, UNCOMPRESSED, WITHOUT_PIXELS, write
from tests.conformance.programs import Said, Tls, dcmjs, dcmtk, running_orthanc, storescp
from tests.journeys.dcmtk import data_set_of
from tests.peers import LOOPBACK, Listener

pytestmark = [
    pytest.mark.peers,
    pytest.mark.usefixtures("dcmtk_installed"),
    pytest.mark.embedded,  # no database has a part in it
    # pynetdicom's reactor thread now and then ends with an InvalidEventError as its association ends.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning"),
]
SECURED = pytest.mark.parametrize("secured", [False, True], ids=["plain", "tls"])
Sender = Callable[[int, list[Path], Tls | None], Said]


def storescu(*options: str) -> Sender:
    return lambda port, files, tls: dcmtk("storescu", port, *options, files=files, tls=tls)


def dcmsend(*options: str) -> Sender:
    return lambda port, files, _: dcmtk("dcmsend", port, *options, files=files)


def dcmjs_scu(maximum: int = 0) -> Sender:
    return lambda port, files, tls: dcmjs(port, files=files, tls=tls, maximum=maximum)


def pynetdicom_scu(maximum: int) -> Sender:
    def send(port: int, files: list[Path], tls: Tls | None) -> Said:
        instances = [Outgoing.from_file(path) for path in files]
        contexts = [build_context(*context) for context in sorted({instance.context for instance in instances})]
        statuses: list[int] = []
        for _ in range(3):
            assoc = associate(port, contexts, tls, maximum)
            for path in files[len(statuses) :]:
                answer = assoc.send_c_store(dcmread(path))
                if "Status" not in answer:
                    break  # its threads lose a response now and then: what was not answered is sent again
                statuses.append(answer.Status)
            assoc.release()
        return Said(statuses == [0] * len(files), str(statuses), statuses=statuses)

    return send


def associate(port: int, contexts: list[Any], tls: Tls | None, maximum: int = 16_382) -> Any:
    ae = AE("PYNETDICOM")
    ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = 20
    secured = None
    if tls:
        secured = client_context(TlsFiles(tls.own.cert, tls.own.key, tls.ca.cert)), "localhost"
    assoc = ae.associate(LOOPBACK, port, contexts, ae_title="GANTRY", max_pdu=maximum, tls_args=secured)
    assert assoc.is_established
    return assoc


SENDERS: dict[str, tuple[Sender, dict[str, str]]] = {
    "storescu": (storescu(), UNCOMPRESSED | WITHOUT_PIXELS),
    "storescu, only what is needed": (storescu("-R"), UNCOMPRESSED | WITHOUT_PIXELS),
    "storescu, all transfer syntaxes in one context": (storescu("+C"), UNCOMPRESSED),
    "storescu, big endian first": (storescu("-xb"), UNCOMPRESSED),
    "storescu, implicit only": (storescu("-xi"), UNCOMPRESSED),
    "storescu, JPEG 2000": (storescu("-xv", "-R"), {"JPEG 2000": EVERY["JPEG 2000"]} | UNCOMPRESSED),
    "storescu, RLE": (storescu("-xr", "-R"), {"RLE": EVERY["RLE"]}),
    "storescu, deflated": (storescu("-xd", "-R"), DEFLATED | UNCOMPRESSED),
    "storescu, small PDUs": (storescu("-pdu", "4096", "--max-send-pdu", "4096"), UNCOMPRESSED),
    "storescu, large PDUs": (storescu("-pdu", "131072", "--max-send-pdu", "131072"), UNCOMPRESSED),
    "storescu, as a user": (storescu("-usr", "somebody", "-pwd", "secret"), UNCOMPRESSED),
    "dcmjs-dimse": (dcmjs_scu(), UNCOMPRESSED),
    "dcmjs-dimse, small PDUs": (dcmjs_scu(4_096), UNCOMPRESSED),
    "dcmjs-dimse, large PDUs": (dcmjs_scu(131_072), UNCOMPRESSED),
    "pynetdicom": (pynetdicom_scu(16_382), EVERY),
    "pynetdicom, small PDUs": (pynetdicom_scu(4_096), EVERY),
    "pynetdicom, unlimited PDUs": (pynetdicom_scu(0), EVERY),
}
# DCMTK's dcmsend knows no TLS.
PLAIN_SENDERS: dict[str, tuple[Sender, dict[str, str]]] = {
    "dcmsend": (dcmsend(), EVERY),
    "dcmsend, several contexts": (dcmsend("+ma", "-dn"), EVERY),
    "dcmsend, small PDUs": (dcmsend("--max-send-pdu", "4096"), EVERY),
    "dcmsend, large PDUs": (dcmsend("--max-send-pdu", "131072"), EVERY),
}


def digests(paths: list[Path]) -> Counter[str]:
    """How often each data set is there."""
    return Counter(hashlib.sha256(data_set_of(path)).hexdigest() for path in paths)


@pytest.mark.parametrize(
    ("name", "secured"),
    [
        *((name, secured) for name in SENDERS for secured in ("plain", "tls")),
        *((name, "plain") for name in PLAIN_SENDERS),
    ],
)
@pytest.mark.usefixtures("dcmjs_installed")
def test_a_caller_stores_what_it_stores_elsewhere(
    listener: Listener, tls_port: int, peer_tls: Tls, tmp_path: Path, name: str, secured: str
) -> None:
    send, names = (SENDERS | PLAIN_SENDERS)[name]
    files = write(tmp_path / "files", names, copies=2)
    with storescp(tmp_path / "elsewhere", "-pdu", "131072") as port:
        elsewhere = send(port, files, None)
        assert elsewhere.is_content, elsewhere.output
    said = send(tls_port if secured == "tls" else listener.port, files, peer_tls if secured == "tls" else None)
    assert said.is_content, said.output
    kept = digests(list(listener.spool.waiting()))
    there = digests([path for path in (tmp_path / "elsewhere").iterdir() if path.is_file()])
    if "pynetdicom" in name:
        assert set(kept) == set(there)
    else:
        assert kept == there
    assert len(kept) == len(files)
    assert not said.sent or set(said.sent.values()) == set(kept)


@SECURED
def test_orthanc_stores_what_it_stores_elsewhere(
    listener: Listener, tls_port: int, peer_tls: Tls, tmp_path: Path, secured: bool
) -> None:
    files = write(tmp_path / "files", EVERY, copies=2)
    with storescp(tmp_path / "elsewhere") as port, running_orthanc(tmp_path / "orthanc", tls=peer_tls) as orthanc:
        orthanc.knows("elsewhere", port)
        orthanc.knows("gantry", tls_port if secured else listener.port, tls=secured)
        status, body = orthanc.rest("POST", "/modalities/gantry/echo", {})
        assert status == 200, body
        held = orthanc.holds(files)
        for name in ("elsewhere", "gantry"):
            status, body = orthanc.rest("POST", f"/modalities/{name}/store", held)
            assert status == 200, body
    kept = digests(list(listener.spool.waiting()))
    assert kept == digests([path for path in (tmp_path / "elsewhere").iterdir() if path.is_file()])
    assert sum(kept.values()) == len(files)


@SECURED
@pytest.mark.parametrize("options", [["--repeat", "20"], ["-pdu", "4096"], ["-pdu", "131072"], ["-pts", "38"]], ids=str)
def test_echoscu_is_answered(
    listener: Listener, tls_port: int, peer_tls: Tls, secured: bool, options: list[str]
) -> None:
    said = dcmtk("echoscu", tls_port if secured else listener.port, *options, tls=peer_tls if secured else None)
    assert said.is_content, said.output


@SECURED
@pytest.mark.usefixtures("dcmjs_installed")
def test_dcmjs_echoes_are_answered(listener: Listener, tls_port: int, peer_tls: Tls, secured: bool) -> None:
    said = dcmjs(tls_port if secured else listener.port, echoes=20, tls=peer_tls if secured else None)
    assert (said.outcome, said.statuses) == ("released", [0] * 20)


@SECURED
def test_pynetdicoms_echo_is_answered(listener: Listener, tls_port: int, peer_tls: Tls, secured: bool) -> None:
    contexts = [build_context(Verification, list(AllTransferSyntaxes))]
    assoc = associate(tls_port if secured else listener.port, contexts, peer_tls if secured else None)
    assert assoc.send_c_echo().Status == 0
    assoc.release()
    assert assoc.is_released


@SECURED
@pytest.mark.usefixtures("dcmjs_installed")
def test_a_caller_that_aborts_at_the_end_has_stored(
    listener: Listener, tls_port: int, peer_tls: Tls, tmp_path: Path, secured: bool
) -> None:
    files = write(tmp_path / "files", UNCOMPRESSED)
    port, tls = (tls_port, peer_tls) if secured else (listener.port, None)
    assert dcmtk("storescu", port, "--abort", files=files, tls=tls).is_content
    assert dcmtk("echoscu", port, "--abort", tls=tls).is_content
    assert dcmjs(port, files=files, tls=tls, abort=True).statuses == [0] * len(files)
    assert len(list(listener.spool.waiting())) == 2 * len(files)
    assert dcmtk("echoscu", port, tls=tls).is_content


def test_a_caller_without_a_certificate_or_in_plain_text_is_not_served_over_tls(
    listener: Listener, tls_port: int, own_tls: Tls
) -> None:
    anonymous = ["+tla", "+cf", str(own_tls.ca.cert)]
    assert not dcmtk("echoscu", tls_port, *anonymous).is_content
    assert not dcmtk("echoscu", tls_port).is_content
