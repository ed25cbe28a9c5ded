"""Asking all archives on a page, and what the page says while they answer and after."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from gateway.accounts.models import Role
from spanner.models import FailureStrategy, Query, Source, SourceKind
from tests.factories import StudyFactory
from tests.peers import refused_port
from tests.spanner.archives import dicomweb_archive, dimse_archive, study
from tests.spanner.conftest import Federate
from tests.spanner.portal.conftest import SEARCH, ask, polled, signed_in, text
from tests.spanner.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)
Make = Callable[..., Source]


def finished(client: Client, address: str) -> str:
    """The page once nothing more comes."""
    wait_until(lambda: "have answered" not in text(client.get(address)))
    wait_until(lambda: not Query.objects.filter(finished_at=None).exists())
    return text(client.get(address))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, "Say what is looked for"),
        ({"patient_name": "*"}, "Say what is looked for"),
        ({"patient_id": "  "}, "Say what is looked for"),
        ({"study_date_from": "2026-02-01", "study_date_to": "2026-01-01"}, "comes after the last"),
        ({"study_date_from": "yesterday"}, "Not asked yet: 1 field needs attention"),
        ({"study_instance_uid": "abc"}, "made of digits and points"),
        ({"patient_id": "1" * 65}, "Not asked yet: 1 field needs attention"),
        ({"federation": "999", "patient_id": "P1"}, "Not asked yet: 1 field needs attention"),
    ],
)
def test_what_is_not_asked(values: dict[str, str], words: str, viewer: Client, dimse: Make, federate: Federate) -> None:
    config = federate(dimse("North", refused_port()))

    response = viewer.post(SEARCH, {"federation": str(config.pk)} | values)

    assert response.status_code == 200
    assert words in text(response)
    assert not Query.objects.exists()


def test_a_federation_that_is_off_is_not_offered(viewer: Client, dimse: Make, federate: Federate) -> None:
    config = federate(dimse("North", refused_port()), is_enabled=False)

    assert "No federation yet" in text(viewer.get(SEARCH))
    viewer.post(SEARCH, {"federation": config.pk, "patient_id": "P1"})
    assert not Query.objects.exists()


def test_what_the_fields_ask(viewer: Client, dimse: Make, federate: Federate) -> None:
    with dimse_archive([study(1)]) as (port, archive):
        config = federate(dimse("North", port))
        address = ask(
            viewer, config, patient_name="Doe*", study_date_from="2026-01-01", study_date_to="2026-01-31",
            modality="ct", description="Thorax*",
        )  # fmt: skip
        page = finished(viewer, address)

    (asked,) = archive.asked
    assert asked["PatientName"] == "Doe*"
    assert asked["StudyDate"] == "20260101-20260131"
    assert asked["ModalitiesInStudy"] == "CT"
    assert asked["StudyDescription"] == "Thorax*"
    assert "Name <b>Doe*</b>" in page
    again = text(viewer.get(f"{SEARCH}?again={Query.objects.get().pk}"))
    for value in ('value="Doe*"', 'value="2026-01-01"', 'value="2026-01-31"', 'value="CT"', 'value="Thorax*"'):
        assert value in again


def test_found_while_a_source_is_still_waited_for(
    viewer: Client, dimse: Make, dicomweb: Make, federate: Federate
) -> None:
    with dimse_archive([study(1)]) as (port, _), dicomweb_archive([study(2)]) as (url, slow):
        slow.gate.clear()
        address = ask(viewer, federate(dimse("North", port), dicomweb("Slow", url)))
        wait_until(lambda: "50 % have answered" in text(viewer.get(address)))

        page = text(viewer.get(address))
        assert "asked …" in page
        assert "complete" not in page
        assert page.count('class="tag">CT') == 1
        assert polled(viewer, address, 1).status_code == 204  # nothing is drawn again while nothing is new
        assert polled(viewer, address, 0).status_code == 200

        slow.gate.set()
        wait_until(lambda: polled(viewer, address, 1).status_code == 200)
        page = finished(viewer, address)

    assert '<span class="badge is-ok">complete</span>' in page
    assert page.count('class="tag">CT') == 2
    assert 'hx-trigger="every 1s"' not in page


def test_not_complete_names_who_is_missing(viewer: Client, dimse: Make, federate: Federate) -> None:
    with dimse_archive([study(1)]) as (port, _):
        page = finished(viewer, ask(viewer, federate(dimse("North", port), dimse("Gone", refused_port()))))

    assert "not complete: Gone" in page
    assert page.count('class="tag">CT') == 1


def test_nothing_found_says_whether_all_were_asked(viewer: Client, dimse: Make, federate: Federate) -> None:
    with dimse_archive([study(1)]) as (port, _):
        north, gone = dimse("North", port), dimse("Gone", refused_port())
        whole = finished(viewer, ask(viewer, federate(north), patient_id="X"))
        part = finished(viewer, ask(viewer, federate(north, gone, name="both"), patient_id="X"))

    assert "No archive has such a study" in whole
    assert "Nothing found so far" in part
    assert "Ask again when Gone answers" in part


def test_a_strict_federation_gives_nothing_when_one_is_missing(viewer: Client, dimse: Make, federate: Federate) -> None:
    with dimse_archive([study(1)]) as (port, _):
        config = federate(dimse("North", port), dimse("Gone", refused_port()), failure_strategy=FailureStrategy.STRICT)
        page = finished(viewer, ask(viewer, config))

    assert "No answer is given:" in page
    assert "Gone" in page
    assert 'class="tag">CT' not in page


def test_two_patients_with_one_uid_are_flagged_and_cannot_be_brought(
    operator: Client, dimse: Make, federate: Federate
) -> None:
    StudyFactory.create(study_instance_uid="1.2.3.1")  # here is one of them, and nobody knows whose
    with dimse_archive([study(1, "P1")]) as (one, _), dimse_archive([study(1, "P2")]) as (other, _):
        page = finished(operator, ask(operator, federate(dimse("North", one), dimse("South", other))))

    assert page.count("one UID, two people") == 2
    assert "Bring</button>" not in page
    assert "Open</" not in page


def test_what_sources_say_differently_is_named(viewer: Client, dimse: Make, federate: Federate) -> None:
    here = {"AccessionNumber": "A1"}
    with dimse_archive([study(1, **here)]) as (one, _), dimse_archive([study(1, AccessionNumber="A2")]) as (other, _):
        page = finished(viewer, ask(viewer, federate(dimse("North", one), dimse("South", other))))

    assert "differ in 1 value" in page
    assert 'title="Accession Number"' in page
    assert page.count('class="tag">CT') == 1


def test_the_newest_study_comes_first(viewer: Client, dimse: Make, federate: Federate) -> None:
    items = [study(1, StudyDate="20240101"), study(2, StudyDate=""), study(3, StudyDate="20260101")]
    with dimse_archive(items) as (port, _):
        page = finished(viewer, ask(viewer, federate(dimse("North", port))))

    assert page.index("2026-01-01") < page.index("2024-01-01")


def test_what_is_here_leads_to_its_page_and_the_viewer(viewer: Client, dimse: Make, federate: Federate) -> None:
    StudyFactory.create(study_instance_uid="1.2.3.1", patient_id="P1")
    here = Source.objects.create(name="Here", kind=SourceKind.LOCAL)
    with dimse_archive([study(2)]) as (port, _):
        page = finished(viewer, ask(viewer, federate(here, dimse("North", port))))

    assert 'href="/studies/1.2.3.1/"' in page
    assert 'href="/viewer/?StudyInstanceUIDs=1.2.3.1"' in page
    assert 'href="/viewer/?StudyInstanceUIDs=1.2.3.2"' not in page


def test_after_an_hour_the_page_says_so(viewer: Client, dimse: Make, federate: Federate) -> None:
    with dimse_archive([study(1)]) as (port, _):
        address = ask(viewer, federate(dimse("North", port)))
        finished(viewer, address)
    Query.objects.update(asked_at=timezone.now() - timedelta(hours=1, seconds=1))

    response = viewer.get(address)

    assert response.status_code == 410
    assert "This answer is not kept any more" in text(response)
    assert viewer.post(f"{address}again/")["Location"] == SEARCH
    assert 'value="P' not in text(viewer.get(f"{SEARCH}?again={Query.objects.get().pk}"))


def test_to_others_it_is_not_there(viewer: Client, administrator: Client, dimse: Make, federate: Federate) -> None:
    with dimse_archive([study(1)]) as (port, _):
        address = ask(viewer, federate(dimse("North", port)))
        finished(viewer, address)
    other, query = signed_in(Role.VIEWER), Query.objects.get()

    assert other.get(address).status_code == 404
    assert other.post(f"{address}again/").status_code == 404
    assert other.post(f"{address}open/", {"study": "1.2.3.1"}).status_code == 404
    assert 'value="P*"' not in text(other.get(f"{SEARCH}?again={query.pk}"))
    assert administrator.get(address).status_code == 200
    assert Client().get(address).status_code == 302


def test_no_address_holds_what_was_asked(viewer: Client, dimse: Make, federate: Federate) -> None:
    with dimse_archive([study(1, "Canary")]) as (port, _):
        address = ask(viewer, federate(dimse("North", port)), patient_id="Canary", patient_name="Doe*")
        page = finished(viewer, address)
        again = viewer.post(f"{address}again/")["Location"]
        finished(viewer, again)

    assert "Canary" in page
    for part in page.split('href="')[1:] + page.split('action="')[1:] + page.split('hx-get="')[1:]:
        assert "Canary" not in part.partition('"')[0]
    assert "Canary" not in address + again
    assert again != address


def test_asked_again_it_is_the_same_question(viewer: Client, dimse: Make, federate: Federate) -> None:
    with dimse_archive([study(1)]) as (port, archive):
        address = ask(viewer, federate(dimse("North", port)), patient_id="P1")
        finished(viewer, address)
        archive.items = [study(1), study(2)]
        page = finished(viewer, viewer.post(f"{address}again/")["Location"])

    assert [asked["PatientID"] for asked in archive.asked] == ["P1", "P1"]
    assert page.count('class="tag">CT') == 2
