"""STOW-RS to Orthanc's DICOMweb plug-in: what it holds afterwards is what was stored (PS3.18 10.5)."""

import hashlib
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from django.utils import timezone
from pydicom import dcmread

from dicomnet.scu.outgoing import Outgoing
from dicomnet.web.sign_in import HttpAuthentication
from gateway.env import Environment
from routing.deliver import drive
from routing.destinations import echo_destination
from routing.models import Delivery, DeliveryState, Destination
from studies.models import Instance
from studies.storage import hot_storage
from tests import debian
from tests.corpus import data_set_bytes, pydicom_files
from tests.factories import DeliveryFactory, InstanceFactory, version_of_a_new_rule
from tests.journeys.dcmtk import data_set_of, orthanc
from tests.routing.transports.conftest import stow_at

pytestmark = [pytest.mark.peers, pytest.mark.django_db(transaction=True)]
PLUG_IN = debian.PACKAGES["orthanc-dicomweb"]
USER = ("gantry", "geheim")


@dataclass
class Peer:
    url: str

    @property
    def dicomweb(self) -> str:
        return f"{self.url}/dicom-web"

    def names(self) -> list[str]:
        found: list[str] = httpx.get(f"{self.url}/instances", auth=USER).json()
        return found

    def holds(self, folder: Path) -> Counter[str]:
        """SHA-256 of the data set of each instance that it has."""
        found: Counter[str] = Counter()
        for name in self.names():
            path = folder / f"{name}.dcm"
            path.write_bytes(httpx.get(f"{self.url}/instances/{name}/file", auth=USER).content)
            found[hashlib.sha256(data_set_of(path)).hexdigest()] += 1
        return found


@pytest.fixture
def peer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    """An Orthanc with the plug-in, which wants to know who is calling."""
    if not Path(PLUG_IN).exists():
        pytest.skip("Orthanc's DICOMweb plug-in is missing: apt-get install orthanc-dicomweb")
    settings = {"Plugins": [PLUG_IN], "AuthenticationEnabled": True, "RegisteredUsers": {USER[0]: USER[1]}}
    with orthanc(tmp_path_factory.mktemp("orthanc") / "it", **settings) as (_, http_port):
        yield Peer(f"http://127.0.0.1:{http_port}")


def destination_at(peer: Peer, secret: str = USER[1]) -> Destination:
    return stow_at(peer.dicomweb, authentication=HttpAuthentication.BASIC, username=USER[0], secret=secret)


def stored(path: Path) -> Instance:
    """An instance with this file in the hot store."""
    outgoing = Outgoing.from_file(path)
    target = Path(hot_storage().path(path.name))
    shutil.copy(path, target)
    return InstanceFactory.create(
        sop_instance_uid=outgoing.sop_instance_uid,
        sop_class_uid=outgoing.sop_class_uid,
        transfer_syntax_uid=outgoing.transfer_syntax_uid,
        location=target.name,
        size_bytes=outgoing.size_bytes,
        data_set_offset=outgoing.data_set_offset,
    )


def one_of_each(count: int) -> list[Path]:
    """Files of pydicom with distinct UIDs, of as many transfer syntaxes as there are first."""
    by_uid: dict[str, Path] = {}
    by_syntax: dict[str, list[Path]] = {}
    for path in pydicom_files():
        outgoing = Outgoing.from_file(path)
        # Where the File Meta Information names another instance than the data set, Gantry would not have taken it in.
        is_whole = dcmread(path, stop_before_pixels=True).SOPInstanceUID == outgoing.sop_instance_uid
        if is_whole and outgoing.sop_instance_uid not in by_uid and outgoing.size_bytes < 4_000_000:
            by_uid[outgoing.sop_instance_uid] = path
            by_syntax.setdefault(outgoing.transfer_syntax_uid, []).append(path)
    rounds = max(map(len, by_syntax.values()))
    found = [paths[number] for number in range(rounds) for paths in by_syntax.values() if number < len(paths)]
    return found[:count]


def deliver(peer: Peer, files: list[Path]) -> Destination:
    destination = destination_at(peer)
    version = version_of_a_new_rule()
    for path in files:
        DeliveryFactory.create(instance=stored(path), destination=destination, rule_version=version)
    drive(destination.pk)
    return destination


def test_what_it_acknowledges_it_has_bit_for_bit(home: Environment, peer: Peer, tmp_path: Path) -> None:
    """It answers 400 to one broken JPEG file, and also to what it has stored in RLE: these wait, and are not lost."""
    files = one_of_each(40)
    destination = deliver(peer, files)
    Delivery.objects.filter(state=DeliveryState.PENDING).update(next_attempt_at=timezone.now())
    drive(destination.pk)

    delivered = Delivery.objects.filter(state=DeliveryState.DELIVERED).values_list("instance__location", flat=True)
    taken = [path for path in files if path.name in set(delivered)]
    assert len({Outgoing.from_file(path).transfer_syntax_uid for path in taken}) >= 8
    folder = tmp_path / "got"
    folder.mkdir()
    acknowledged = Counter(hashlib.sha256(data_set_bytes(path)).hexdigest() for path in taken)
    assert acknowledged - peer.holds(folder) == Counter()
    others = list(Delivery.objects.exclude(state=DeliveryState.DELIVERED))
    errors = {delivery.instance.location: delivery.last_error for delivery in others}
    assert set(errors) <= {"SC_rgb_jpeg.dcm", "rtdose_rle.dcm"}, errors
    assert all(error.startswith("HTTP 400") for error in errors.values()), errors


def test_one_that_it_cannot_read_stops_no_other(home: Environment, peer: Peer, tmp_path: Path) -> None:
    files = one_of_each(3)
    bad = tmp_path / "bad.dcm"
    head = files[0].read_bytes()[: Outgoing.from_file(files[0]).data_set_offset]
    bad.write_bytes(head.replace(b"1.3.6", b"1.3.9") + b"\xff" * 500)
    deliver(peer, [*files[1:], bad])

    delivered = Delivery.objects.filter(state=DeliveryState.DELIVERED)
    assert delivered.count() == 2
    (failed,) = Delivery.objects.exclude(state=DeliveryState.DELIVERED)
    assert failed.instance.location == "bad.dcm"
    assert failed.last_error != ""
    assert len(peer.names()) == 2


def test_echo_tells_a_wrong_password_from_a_right_one(peer: Peer) -> None:
    right, wrong = echo_destination(destination_at(peer)), echo_destination(destination_at(peer, "falsch"))

    assert (right.is_alive, right.words) == (True, "Answers (HTTP 200)")
    assert not wrong.is_alive
    assert "correct how Gantry signs in" in wrong.words


def test_a_wrong_path_is_told(peer: Peer) -> None:
    destination = stow_at(
        f"{peer.url}/dicomweb", authentication=HttpAuthentication.BASIC, username=USER[0], secret=USER[1]
    )
    assert "no STOW-RS service at this address" in echo_destination(destination).words
