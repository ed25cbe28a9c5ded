"""A federation's AE title: whose it may be, and how the listener comes to know it."""

import pytest
from django.core.exceptions import ValidationError
from django.db import OperationalError, connection

from dicomnet.services import services_for
from spanner import titles
from spanner.dimse.services import FederationServices
from spanner.models import SpanningConfig
from tests.modality import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


def test_an_ae_title_is_nobody_elses() -> None:
    SpanningConfig.objects.create(name="city", ae_title="CITY")
    with pytest.raises(ValidationError, match="Gantry's own AE title"):
        SpanningConfig(name="all", ae_title="GANTRY").full_clean()
    with pytest.raises(ValidationError, match="The federation city has this AE title"):
        SpanningConfig(name="all", ae_title="CITY").full_clean()
    SpanningConfig(name="all", ae_title="ALL").full_clean()
    SpanningConfig(name="none").full_clean()


def test_a_change_is_known_without_a_restart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(titles, "REFRESH_SECONDS", 0.05)
    assert services_for("ALL") is None
    config = SpanningConfig.objects.create(name="all", ae_title="ALL")
    wait_until(lambda: isinstance(services_for("ALL"), FederationServices))
    SpanningConfig.objects.filter(pk=config.pk).update(is_enabled=False)
    wait_until(lambda: services_for("ALL") is None)
    assert services_for("GANTRY") is not None


def test_the_last_known_titles_outlive_the_database(monkeypatch: pytest.MonkeyPatch) -> None:
    SpanningConfig.objects.create(name="all", ae_title="ALL")
    assert titles.federation_of("ALL") is not None
    monkeypatch.setattr(titles, "_known", (0.0, titles._known[1]))  # their time is over

    def gone(*args: object) -> None:
        raise OperationalError("the database is gone")

    with connection.execute_wrapper(gone):
        assert titles.federation_of("ALL") is not None
        assert titles.federation_of("OTHER") is None
