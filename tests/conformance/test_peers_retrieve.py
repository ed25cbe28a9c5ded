"""Other implementations fetch from Gantry by C-GET and C-MOVE: every byte of the data set arrives (RELIABILITY I5)."""

import json
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    StudyRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelMove,
)
from pytest_django import Settings

from dicomnet.scp import server
from dicomnet.tls import TlsFiles, client_context, reloading_server
from gateway.env import Environment
from studies.models import Instance
from tests import node
from tests.conformance.instances import EVERY, write
from tests.conformance.programs import SECONDS, Tls, dcmtk, running_orthanc, storescp
from tests.factories import DestinationFactory
from tests.journeys.dcmtk import data_set_of
from tests.journeys.product import free_port
from tests.peers import LOOPBACK, FixedAllowlist, gantry
from tests.retrieving import MAY_RETRIEVE, Fetcher, digest, identifier, keep_files

pytestmark = [
    pytest.mark.peers,
    pytest.mark.usefixtures("dcmtk_installed"),
    pytest.mark.django_db(transaction=True),
]
STUDY = "1.2.3.4"
WANTED = ["-S", "-k", "QueryRetrieveLevel=STUDY", "-k", f"StudyInstanceUID={STUDY}"]
# What one context of getscu can hold: the class in one transfer syntax, which is what is stored of it.
PLAIN = {name: EVERY[name] for name in ("explicit", "implicit", "a plan")}


@pytest.fixture
def port(home: Environment, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    monkeypatch.setattr("studies.retrieve_service.STORED_SECONDS", 0)
    monkeypatch.setattr("studies.retrieve_service._stored", (0.0, {}))  # of a test before this one
    settings.DICOM_SERVICES = {"GANTRY": "gateway.dimse.GatewayServices"}
    with gantry(MAY_RETRIEVE) as number:
        yield number


@pytest.fixture
def secured_port(port: int, own_tls: Tls) -> Iterator[int]:
    found = server.Listener("GANTRY", FixedAllowlist([MAY_RETRIEVE]))
    files = TlsFiles(own_tls.own.cert, own_tls.own.key, own_tls.ca.cert)
    try:
        yield found.listen((LOOPBACK, 0), reloading_server(files).current)
    finally:
        found.stop(grace_seconds=0)


def stored(folder: Path, names: dict[str, str], *, copies: int = 1) -> Counter[str]:
    """Have these in the archive, as one study; SHA-256 of each data set."""
    files = write(folder, names, copies=copies)
    for path in files:
        ds = dcmread(path)
        ds.StudyInstanceUID, ds.SeriesInstanceUID = STUDY, f"{STUDY}.{ds.file_meta.TransferSyntaxUID.replace('.', '')}"
        ds.save_as(path)
    return Counter(digest(data) for data in keep_files(files).values())


def arrived(folder: Path) -> Counter[str]:
    return Counter(digest(data_set_of(path)) for path in folder.iterdir() if path.is_file())


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ([], PLAIN),
        (["+xb"], {"big endian": EVERY["big endian"]}),
        (["+xv"], {"JPEG 2000": EVERY["JPEG 2000"]}),
        (["+xr"], {"RLE": EVERY["RLE"]}),
        (["+xy"], {"JPEG": EVERY["JPEG"]}),
        (["+xt"], {"JPEG-LS": EVERY["JPEG-LS"]}),
        (["-pdu", "4096"], PLAIN),
        (["-pdu", "131072"], PLAIN),
    ],
    ids=str,
)
def test_getscu_gets_what_is_stored(port: int, tmp_path: Path, options: list[str], names: dict[str, str]) -> None:
    wanted = stored(tmp_path / "files", names, copies=2)
    out = tmp_path / "out"
    out.mkdir()
    said = dcmtk("getscu", port, *WANTED, "+B", "-od", str(out), *options)
    assert said.is_content, said.output
    assert arrived(out) == wanted, said.output


def test_movescu_has_everything_sent_elsewhere_and_to_itself(port: int, tmp_path: Path) -> None:
    wanted = stored(tmp_path / "files", EVERY, copies=2)
    itself, own_port = tmp_path / "itself", free_port()
    itself.mkdir()
    with storescp(tmp_path / "out", "-pdu", "131072") as elsewhere:
        DestinationFactory(ae_title="STORESCP", port=elsewhere)
        DestinationFactory(ae_title="MOVESCU", port=own_port)
        said = dcmtk("movescu", port, *WANTED, "-aem", "STORESCP")
        assert said.is_content, said.output
        assert arrived(tmp_path / "out") == wanted
    # With +B it pays no heed to -od.
    said = dcmtk("movescu", port, *WANTED, "-aem", "MOVESCU", "+P", str(own_port), "+xa", "+B", folder=itself)
    assert said.is_content, said.output
    assert arrived(itself) == wanted


def test_movescu_is_told_of_an_unknown_destination(port: int) -> None:
    said = dcmtk("movescu", port, *WANTED, "-aem", "NOBODY")
    assert not said.is_content
    assert "MoveDestinationUnknown" in said.output


@pytest.mark.parametrize("service", ["get", "move"])
def test_a_study_is_fetched_over_tls(
    secured_port: int, own_tls: Tls, peer_tls: Tls, settings: Settings, tmp_path: Path, service: str
) -> None:
    wanted = stored(tmp_path / "files", {"explicit": EVERY["explicit"]}, copies=3)
    asked = identifier("STUDY", StudyInstanceUID=STUDY)
    caller = Fetcher(secured_port, tls=client_context(TlsFiles(peer_tls.own.cert, peer_tls.own.key, peer_tls.ca.cert)))
    if service == "get":
        answered = caller.get(str(StudyRootQueryRetrieveInformationModelGet), asked)
        assert Counter(map(digest, answered.received.values())) == wanted
        return
    own = own_tls.own
    settings.GANTRY = replace(settings.GANTRY, tls_cert=own.cert, tls_key=own.key, tls_ca=own_tls.ca.cert)
    with storescp(tmp_path / "out", tls=peer_tls) as elsewhere:
        DestinationFactory(ae_title="STORESCP", port=elsewhere, tls=True, tls_server_name="localhost")
        answered = caller.move(str(StudyRootQueryRetrieveInformationModelMove), asked, "STORESCP")
    assert (answered.status, arrived(tmp_path / "out")) == (0x0000, wanted)


def test_orthanc_has_everything_sent_to_itself(port: int, tmp_path: Path) -> None:
    wanted = stored(tmp_path / "files", EVERY)
    with running_orthanc(tmp_path / "orthanc") as orthanc:
        DestinationFactory(ae_title="ORTHANC", port=orthanc.dicom_port)
        orthanc.knows("gantry", port)
        asked = {"Level": "Study", "Resources": [{"StudyInstanceUID": STUDY}], "Synchronous": True}
        status, body = orthanc.rest("POST", "/modalities/gantry/move", asked)
        assert status == 200, body
        # It encodes anew what it keeps, so what has come is told by UID; the others show every byte.
        kept = {str(dcmread(BytesIO(data), stop_before_pixels=True).SOPInstanceUID) for data in orthanc.files()}
    assert kept == set(Instance.objects.values_list("sop_instance_uid", flat=True))
    assert len(kept) == sum(wanted.values())


@pytest.mark.usefixtures("dcmjs_installed")
@pytest.mark.parametrize("destination", ["", "STORESCP"], ids=["get", "move"])
def test_dcmjs_fetches_a_study(port: int, tmp_path: Path, destination: str) -> None:
    wanted = stored(tmp_path / "files", {"explicit": EVERY["explicit"], "implicit": EVERY["implicit"]}, copies=3)
    with ExitStack() as stack:
        if destination:
            elsewhere = stack.enter_context(storescp(tmp_path / "out"))
            DestinationFactory(ae_title="STORESCP", port=elsewhere)
        said = dcmjs_fetches(port, destination=destination)
    assert (said["outcome"], said["statuses"][-1], said["completed"]) == ("released", 0, 6), said
    if destination:
        assert arrived(tmp_path / "out") == wanted
    else:
        assert len(set(said["received"])) == 6


def dcmjs_fetches(port: int, *, destination: str) -> dict[str, Any]:
    told = {"port": port, "called": "GANTRY", "calling": "DCMJS", "study": STUDY, "destination": destination}
    command = [str(node.node()), str(node.FOLDER / "fetch.js"), json.dumps(told)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.stdout, done.stderr
    said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return said
