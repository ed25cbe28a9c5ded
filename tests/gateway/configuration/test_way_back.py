"""Back to what the configuration was before an import."""

import pytest

from dicomnet.web.secrets import unseal
from gateway.configuration import snapshots
from gateway.configuration.export import export
from gateway.configuration.keep import KEPT
from gateway.configuration.models import ConfigSnapshot
from gateway.configuration.order import Order
from routing.models import Destination
from tests.factories import DeliveryFactory
from tests.gateway.configuration.whole import SECRET, load, make_whole

pytestmark = pytest.mark.django_db
PLACE = "https://pacs.example:443"


def test_back_to_what_was_before_with_its_secrets() -> None:
    make_whole()
    first = export()
    load("version: 1\ndestinations: []\nrules: []\nai_pools: []\nai_workers: []\nlocations: []", prune=True)
    assert not Destination.objects.exists()

    snapshot = snapshots.find()
    assert snapshot is not None
    snapshots.bring_back(snapshot, Order(what=""))

    assert export() == first
    assert unseal(Destination.objects.get(name="cloud").secret, place=PLACE) == SECRET
    assert [each.what for each in snapshots.listed()] == [f"back to snapshot {snapshot.pk}", "import of a test"]


def test_what_made_deliveries_since_is_turned_off_on_the_way_back() -> None:
    make_whole()
    load(_with_destination())
    DeliveryFactory.create(destination=Destination.objects.get(name="wrong"))

    outcome = snapshots.bring_back(snapshots.listed()[0], Order(what=""))

    assert not Destination.objects.get(name="wrong").is_enabled
    assert any("turned off, not removed" in change.note for change in outcome.changes)


def _with_destination() -> str:
    entry = "destinations:\n  - {name: wrong, ae_title: W, host: 10.1.1.1, port: 104}\n"
    return export().replace("destinations:\n", entry, 1)


def test_only_so_many_snapshots_are_kept() -> None:
    make_whole()
    text = export()
    ConfigSnapshot.objects.bulk_create(
        ConfigSnapshot(what="x", summary="y", document="version: 1") for _ in range(KEPT)
    )
    oldest = ConfigSnapshot.objects.order_by("pk")[0].pk

    load(text.replace("host: 10.1.2.4", "host: pacs.example"))

    assert ConfigSnapshot.objects.count() == KEPT
    assert not ConfigSnapshot.objects.filter(pk=oldest).exists()
