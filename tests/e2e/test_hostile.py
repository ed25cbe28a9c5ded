"""Hostile identifiers in a real browser: no dialog, no report of the content policy, nothing in the console."""

import pytest
from playwright.sync_api import Dialog

from tests.e2e.conftest import OpenPage
from tests.factories import DeliveryFactory, DestinationFactory, RuleFactory, SourceFactory, SystemEventFactory
from tests.hostile import WORST

pytestmark = [pytest.mark.e2e, pytest.mark.embedded, pytest.mark.django_db(transaction=True)]


def test_nothing_is_executed(open_page: OpenPage) -> None:
    for text in WORST:
        destination = DestinationFactory.create(name=text[:64], comment=text)
        RuleFactory.create(name=text[:64], comment=text, to=[destination])
        SourceFactory.create(name=text[:64], comment=text)
        SystemEventFactory.create(subject=text[:64], words=text)
        delivery = DeliveryFactory.create(
            destination=destination,
            has_failed=True,
            last_error=text,
            instance__series__series_description=text[:64],
            instance__series__study__patient_name=text[:64],
            instance__series__study__patient_id=text[:64],
            instance__series__study__study_description=text[:64],
            instance__series__study__calling_ae_title=text[:16],
        )
    study = delivery.instance.series.study
    page = open_page()
    dialogs: list[str] = []

    def note(dialog: Dialog) -> None:
        dialogs.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", note)
    for address in (
        "/studies/",
        f"/studies/{study}/",
        f"/studies/{study}/trace/",
        "/deliveries/?tab=all",
        f"/deliveries/{delivery.pk}/",
        "/destinations/",
        f"/destinations/{delivery.destination_id}/",
        "/rules/",
        "/archives/sources/",
        "/system/events/",
    ):
        page.goto(address)
        page.wait_for_load_state("load")
        assert page.locator("img[src='x'], svg[onload], iframe").count() == 0
    assert dialogs == []
