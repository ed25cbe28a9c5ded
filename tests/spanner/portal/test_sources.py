"""Pages of sources and federations: made, changed, deleted, echoed; secrets; addresses where none may be."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from dicomnet.web.secrets import unseal
from spanner.models import ConfigSource, Source, SpanningConfig
from tests.factories import ConfigSourceFactory, SourceFactory, SourceMinuteFactory, SpanningConfigFactory
from tests.peers import refused_port
from tests.spanner.archives import dicomweb_archive, study
from tests.spanner.portal.conftest import text

pytestmark = pytest.mark.django_db(transaction=True)
Make = Callable[..., Source]
LIST = "/archives/sources/"
HOW = {"timeout_seconds": 10, "max_concurrent": 4, "result_limit": 2000, "cuts_at": 0, "is_enabled": "on"}
LEAST: dict[str, dict[str, Any]] = {
    "dimse": {"name": "North", "ae_title": "NORTH", "host": "north.example", "port": 104, "retrieve": "get"} | HOW,
    "dicomweb": {"name": "South", "url": "https://south.example/dicom-web", "authentication": "none"} | HOW,
    "local": {"name": "Here"} | HOW,
}
SIGNED_IN = LEAST["dicomweb"] | {"authentication": "bearer", "secret": "geheim"}


def form_of(config: SpanningConfig | None, *rows: dict[str, Any], **values: Any) -> dict[str, Any]:
    """What the page of a federation sends; rows that are there already come first and have an ``id``."""
    found: dict[str, Any] = {
        "name": "all", "failure_strategy": "partial_results", "timeout_seconds": 10, "retry_attempts": 1,
        "max_concurrent_sources": 16, "cache_seconds": 10, "deduplication_enabled": "on", "is_enabled": "on",
        "members-TOTAL_FORMS": len(rows), "members-INITIAL_FORMS": sum("id" in row for row in rows),
    }  # fmt: skip
    for number, row in enumerate(rows):
        for name, value in ({"priority": 10} | row).items():
            found[f"members-{number}-{name}"] = value
    return found | values


class TestSources:
    @pytest.mark.parametrize("kind", LEAST)
    def test_the_form_of_each_kind_makes_one(self, administrator: Client, kind: str) -> None:
        address = f"{LIST}new/?kind={kind}"
        assert administrator.get(address).status_code == 200

        response = administrator.post(address, LEAST[kind], follow=True)

        assert f"{LEAST[kind]['name']} is added" in text(response)
        source = Source.objects.get()
        assert (source.kind, source.is_enabled) == (kind, True)
        assert administrator.get(f"{LIST}{source.pk}/").status_code == 200
        assert administrator.get(f"{LIST}{source.pk}/edit/").status_code == 200

    @pytest.mark.parametrize(
        ("kind", "given", "words"),
        [
            ("dimse", {"ae_title": ""}, "This field is required"),
            ("dimse", {"port": 0}, "greater than or equal to 1"),
            ("dimse", {"host": "169.254.169.254"}, "link-local"),
            ("dimse", {"host": "127.0.0.1", "port": 11112}, ""),
            ("dimse", {"host": "0.0.0.0"}, ""),  # noqa: S104
            ("dicomweb", {"url": "http://169.254.169.254/latest/meta-data"}, "link-local"),
            ("dicomweb", {"url": "http://127.0.0.1:8000/dicom-web"}, ""),
            ("dicomweb", {"url": "https://me:geheim@south.example/"}, ""),
            ("dicomweb", {"authentication": "basic", "secret": "x"}, "user name"),
            ("dicomweb", {"authentication": "bearer"}, ""),
            ("dicomweb", {"secret": "x"}, ""),
            ("local", {"name": ""}, "This field is required"),
        ],
    )
    def test_what_is_not_saved(self, administrator: Client, kind: str, given: dict[str, Any], words: str) -> None:
        response = administrator.post(f"{LIST}new/?kind={kind}", LEAST[kind] | given)

        assert response.status_code == 200
        page = text(response)
        assert "Not saved yet" in page
        assert 'class="errorlist"' in page
        assert words.lower() in page.lower()
        assert not Source.objects.exists()

    def test_its_settings_are_changed_and_its_health_stays(self, administrator: Client) -> None:
        source = SourceFactory.create(name="North", ae_title="NORTH", host="north.example", port=104)
        Source.objects.update(failures_in_a_row=2, last_error="it is slow")

        administrator.post(f"{LIST}{source.pk}/edit/", LEAST["dimse"] | {"comment": "call 4711"})
        source.refresh_from_db()
        assert (source.comment, source.failures_in_a_row) == ("call 4711", 2)

        administrator.post(f"{LIST}{source.pk}/edit/", LEAST["dimse"] | {"host": "new.example"})
        source.refresh_from_db()
        assert (source.host, source.failures_in_a_row, source.last_error) == ("new.example", 0, "")

    def test_an_address_that_can_be_read_on_the_way_is_warned_of(self, administrator: Client) -> None:
        given = LEAST["dicomweb"] | {"url": "http://10.1.2.3/dicom-web"}

        response = administrator.post(f"{LIST}new/?kind=dicomweb", given, follow=True)

        assert "Use https where you can" in text(response)

    def test_a_secret_is_kept_never_shown_and_needed_again_with_another_origin(self, administrator: Client) -> None:
        administrator.post(f"{LIST}new/?kind=dicomweb", SIGNED_IN)
        source = Source.objects.get()
        edit = f"{LIST}{source.pk}/edit/"
        assert "geheim" not in source.secret
        assert "geheim" not in text(administrator.get(edit))
        assert "Leave this empty to keep it" in text(administrator.get(edit))

        administrator.post(edit, SIGNED_IN | {"secret": "", "url": "https://south.example/other"})
        source.refresh_from_db()
        assert source.url == "https://south.example/other"
        assert unseal(source.secret, place="https://south.example:443") == "geheim"

        refused = administrator.post(edit, SIGNED_IN | {"secret": "", "url": "https://thief.example/"})
        assert "nter it again" in text(refused)
        source.refresh_from_db()
        assert source.url == "https://south.example/other"

        administrator.post(edit, SIGNED_IN | {"secret": "neu", "url": "https://thief.example/"})
        source.refresh_from_db()
        assert unseal(source.secret, place="https://thief.example:443") == "neu"

        administrator.post(edit, SIGNED_IN | {"secret": "", "authentication": "none"})
        source.refresh_from_db()
        assert source.secret == ""

    def test_one_is_deleted_after_a_question(self, administrator: Client, operator: Client) -> None:
        member = ConfigSourceFactory.create(config__name="all.sites")
        address = f"{LIST}{member.source.pk}/delete/"
        assert "taken out of all.sites" in text(administrator.get(address))
        assert operator.post(address).status_code == 403

        administrator.post(address)

        assert not Source.objects.exists()
        assert SpanningConfig.objects.exists()

    def test_echo_is_a_fragment_or_a_message(
        self, operator: Client, viewer: Client, dicomweb: Make, dimse: Make
    ) -> None:
        with dicomweb_archive([study(1)]) as (url, _):
            alive, dead = dicomweb("South", url), dimse("Gone", refused_port())
            fragment = operator.post(f"{LIST}{alive.pk}/echo/", headers={"HX-Request": "true"})
            plain = operator.post(f"{LIST}{alive.pk}/echo/", follow=True)
            no_answer = operator.post(f"{LIST}{dead.pk}/echo/", headers={"HX-Request": "true"})
            refused = viewer.post(f"{LIST}{alive.pk}/echo/")

        assert text(fragment).startswith('<span class="state-ok')
        assert "South: It answers searches" in text(plain)
        assert "no answer" in text(no_answer)
        assert refused.status_code == 403

    def test_its_page_says_what_is_wrong_and_how_it_did(self, viewer: Client) -> None:
        source = SourceFactory.create(
            failures_in_a_row=3, last_error="it did not answer within 10.0 s", last_failure_at=timezone.now(),
            open_until=timezone.now() + timedelta(minutes=1),
        )  # fmt: skip
        SourceMinuteFactory.create(source=source, asked=1234, slowest_milliseconds=9876, minute=timezone.now())

        page = text(viewer.get(f"{LIST}{source.pk}/"))

        assert "it failed 3 times in a row" in page
        assert "1,234" in page
        assert "9,876 ms" in page
        assert "no federation: nothing asks it" in page
        assert 'class="side-count"' in page


class TestFederations:
    def test_one_is_made_with_its_sources(self, administrator: Client) -> None:
        north, south = SourceFactory.create(), SourceFactory.create()
        address = "/archives/federations/new/"
        assert administrator.get(address).status_code == 200
        rows: list[dict[str, Any]] = [
            {"source": south.pk, "priority": 2, "timeout_override": 5},
            {"source": north.pk, "priority": 1},
            {},
        ]

        response = administrator.post(address, form_of(None, *rows), follow=True)

        assert "all is saved" in text(response)
        members = ConfigSource.objects.values_list("source", "priority", "timeout_override")
        assert list(members) == [(north.pk, 1, None), (south.pk, 2, 5)]

    def test_sources_are_added_and_taken_out(self, administrator: Client) -> None:
        member, new = ConfigSourceFactory.create(), SourceFactory.create()
        there = {"id": member.pk, "source": member.source.pk}
        address = f"/archives/federations/{member.config.pk}/"

        administrator.post(address, form_of(member.config, there, {"source": new.pk}))
        assert member.config.members.count() == 2

        second = ConfigSource.objects.get(source=new)
        gone = there | {"DELETE": "on"}
        administrator.post(address, form_of(member.config, gone, {"id": second.pk, "source": new.pk}))
        assert list(member.config.members.values_list("source", flat=True)) == [new.pk]

    def test_none_is_refused_and_one_twice_too(self, administrator: Client) -> None:
        member = ConfigSourceFactory.create()
        there = {"id": member.pk, "source": member.source.pk}
        address = f"/archives/federations/{member.config.pk}/"

        none = administrator.post(address, form_of(member.config, there | {"DELETE": "on"}))
        twice = administrator.post(address, form_of(member.config, there, {"source": member.source.pk}))
        new = administrator.post("/archives/federations/new/", form_of(None, {}, name="other"))

        assert "needs at least one source" in text(none)
        assert "once" in text(twice)
        assert "needs at least one source" in text(new)
        assert member.config.members.count() == 1
        assert SpanningConfig.objects.count() == 1

    def test_an_error_in_either_saves_neither(self, administrator: Client) -> None:
        source = SourceFactory.create()
        address = "/archives/federations/new/"

        name = administrator.post(address, form_of(None, {"source": source.pk}, name="with space"))
        row = administrator.post(address, form_of(None, {"source": source.pk, "timeout_override": 0}))
        title = administrator.post(address, form_of(None, {"source": source.pk}, ae_title="GANTRY"))

        assert "Letters, digits" in text(name)
        assert "greater than or equal to 1" in text(row)
        assert "own AE title" in text(title)
        assert not SpanningConfig.objects.exists()

    def test_one_is_deleted_and_its_sources_stay(self, administrator: Client) -> None:
        member = ConfigSourceFactory.create(config=SpanningConfigFactory.create(ae_title="EVERYWHERE"))
        address = f"/archives/federations/{member.config.pk}/delete/"
        assert "EVERYWHERE" in text(administrator.get(address))

        administrator.post(address)

        assert not SpanningConfig.objects.exists()
        assert Source.objects.exists()
