"""Sites: which studies a user or an API key sees, and who may say so."""

from dataclasses import replace
from typing import Any

import pytest
from django.apps import apps
from django.db.models import Model
from django.http import HttpResponse
from django.test import Client, override_settings
from pytest_django import DjangoAssertNumQueries

from gateway.accounts.models import ApiKey, Site, User
from gateway.accounts.sight import SeesOwnSites
from gateway.audit.models import AuditRecord
from studies.models import Conflict, Instance, Study, StudyLabel
from studies.sight import NOTHING, SeenManager, Sight, seeing, whole
from tests.api_clients import V1, client_of
from tests.factories import ConflictFactory, InstanceFactory, SeriesFactory, StudyFactory, UserFactory
from tests.gateway.sites_worlds import make_worlds
from tests.gateway.test_sites_on_every_route import key, session, user_of

pytestmark = pytest.mark.django_db
# Models that name a study and narrow nothing, each with its reason.
NOT_NARROWED = {
    "tiering.Pack": "places are figures, and what is kept for no study must be found",
    "tiering.Copy": "as its pack",
    "tiering.LocationSlot": "how many moves a location takes at once",
    "samples.SampleStudy": "a fictitious patient, and shown to who asked for it alone",
    "studies.DeletedFile": "of the sweep alone",
    "audit.AuditRecord": "verified as a whole; gateway.audit.search narrows what is shown",
}


def test_every_model_that_names_a_study_is_narrowed() -> None:
    naming = {model._meta.label for model in apps.get_models() if names_a_study(model)}
    narrowed = {
        model._meta.label
        for model in apps.get_models()
        if isinstance(model._default_manager, SeenManager) and hasattr(model, "seen_by")
    }

    assert naming - narrowed == set(NOT_NARROWED)


def names_a_study(model: type[Model], through: frozenset[Any] = frozenset()) -> bool:
    fields = model._meta.concrete_fields
    if model is Study or any(field.name == "study_instance_uid" for field in fields):
        return True
    parents = {field.related_model for field in fields if field.many_to_one or field.one_to_one} - through
    return any(names_a_study(each, through | {model}) for each in parents if isinstance(each, type))


@pytest.mark.parametrize(
    "site",
    [{"senders": ["NORTH"]}, {"institutions": ["North Hospital"]}, {"labels": ["north"]}],
    ids=["sender", "institution", "label"],
)
def test_each_condition_brings_a_study_into_a_site(site: dict[str, Any]) -> None:
    north = StudyFactory.create(calling_ae_title="NORTH", institution_name="North Hospital")
    StudyLabel.objects.create(study=north, label="north", given_by="rule")
    StudyFactory.create(calling_ae_title="north", institution_name="NORTH HOSPITAL")
    client = key("viewer", Site.objects.create(name="North", **site))

    by_api = [each["study_instance_uid"] for each in client.get(f"{V1}/studies").json()["results"]]
    by_dicomweb = [each["0020000D"]["Value"][0] for each in client.get("/dicom-web/studies").json()]

    assert by_api == by_dicomweb == [north.study_instance_uid]


def test_several_sites_add_up_and_none_show_nothing() -> None:
    for title in ("NORTH", "SOUTH", "WEST"):
        StudyFactory.create(calling_ae_title=title)
    north, south = (Site.objects.create(name=title, senders=[title]) for title in ("NORTH", "SOUTH"))

    assert key("viewer", north, south).get(f"{V1}/studies").json()["count"] == 2
    assert key("viewer").get(f"{V1}/studies").json()["count"] == 0
    assert key("viewer").get("/dicom-web/studies").status_code == 204


def test_nothing_is_seen_until_it_is_known_who_asks_and_all_where_nobody_does() -> None:
    kept = Study.objects.all()
    StudyFactory.create()

    with seeing(lambda: NOTHING):
        assert not Study.objects.exists()
        assert not kept.filter(tier="hot").exists()
        with whole():
            assert Study.objects.exists()

    assert Study.objects.exists()


def test_who_sees_everything_costs_no_query(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    StudyFactory.create()
    user = User.objects.get(pk=UserFactory.create().pk)

    with django_assert_num_queries(1), seeing(lambda: user.sight):
        list(Study.objects.all())


def test_a_conflict_is_for_who_sees_both_of_its_studies() -> None:
    first = InstanceFactory.create(series__study__calling_ae_title="NORTH")
    elsewhere = SeriesFactory.create(study=StudyFactory.create(calling_ae_title="SOUTH"))
    other = InstanceFactory.create(sop_instance_uid=first.sop_instance_uid, is_primary=False, series=elsewhere)
    ConflictFactory.create(instance=first, other=other)

    with seeing(lambda: Sight(senders=("NORTH",))):
        assert not Conflict.objects.exists()
    with seeing(lambda: Sight(senders=("NORTH", "SOUTH"))):
        assert Conflict.objects.exists()


def test_what_an_administrator_deletes_frees_its_uid_for_a_study_that_he_does_not_see() -> None:
    north = InstanceFactory.create(series__study__calling_ae_title="NORTH")
    south = InstanceFactory.create(
        series__study__calling_ae_title="SOUTH", sop_instance_uid=north.sop_instance_uid, is_primary=False
    )
    client = key("administrator", Site.objects.create(name="North", senders=["NORTH"]))

    answer = client.delete(f"/dicom-web/studies/{north.series.study.study_instance_uid}")

    assert answer.status_code == 204
    assert Instance.objects.get() == south
    assert Instance.objects.get().is_primary


def test_a_csv_that_is_made_while_it_is_sent_has_the_studies_of_the_site() -> None:
    for title in ("NORTH", "SOUTH"):
        StudyFactory.create(calling_ae_title=title, patient_id=f"OF-{title}")
    client = session(user_of("viewer", Site.objects.create(name="North", senders=["NORTH"])))

    answer: Any = client.post("/studies/batch/", {"action": "csv", "all": "1", "query": ""})
    text = b"".join(answer.streaming_content).decode()

    assert "OF-NORTH" in text
    assert "OF-SOUTH" not in text


def test_an_administrator_who_sees_a_part_changes_no_accounts() -> None:
    site = Site.objects.create(name="North", senders=["NORTH"])
    other = UserFactory.create(role="administrator")
    page, program = session(user_of("administrator", site)), key("administrator", site)
    new = {"username": "jo", "password": "a few words together", "role": "viewer"}

    assert page.get("/users/").status_code == 200
    for path in ("/users/new/", f"/users/{other.pk}/", f"/users/{other.pk}/password/", "/api-keys/new/", "/sites/new/"):
        assert page.post(path).status_code == 403, path
    assert page.get("/admin/studies/study/").status_code == 302
    assert program.post(f"{V1}/users", new, format="json").status_code == 403
    assert program.patch(f"{V1}/sites/{site.pk}", {"labels": ["x"]}, format="json").status_code == 403
    assert program.post(f"{V1}/api-keys", {"name": "x", "scopes": ["viewer"]}, format="json").status_code == 403


def test_the_last_administrator_who_sees_everything_stays_so() -> None:
    last = UserFactory.create(role="administrator")
    UserFactory.create(role="administrator", sees="sites")
    client = client_of(None)
    client.force_login(last)

    answer = client.patch(f"{V1}/users/{last.pk}", {"sees": "sites"}, format="json")

    assert answer.status_code in {400, 409}
    last.refresh_from_db()
    assert last.sees == "everything"


def test_sites_are_given_on_the_pages_and_it_is_on_record() -> None:
    site, other = (Site.objects.create(name=name, senders=[name]) for name in ("North", "South"))
    administrator = session(UserFactory.create(role="administrator"))
    person = UserFactory.create(username="jo", role="viewer")
    form = {"username": "jo", "role": "viewer", "is_active": "on", "sees": "sites", "sites": [site.pk, other.pk]}

    assert administrator.post(f"/users/{person.pk}/", form).status_code == 302
    made = administrator.post(
        "/api-keys/new/", {"name": "pacs", "scopes": ["viewer"], "sees": "sites", "sites": site.pk}
    )
    new_user = administrator.post("/users/new/", form | {"username": "new"})

    assert (made.status_code, new_user.status_code) == (200, 200)
    for who in (User.objects.get(username="jo"), User.objects.get(username="new")):
        assert who.sight == Sight(senders=("North", "South"))
    api_key: Any = ApiKey.objects.get(name="pacs")
    assert administrator.post(f"/api-keys/{api_key.prefix}/", {"sees": "sites", "sites": other.pk}).status_code == 302
    assert key_sight(api_key) == Sight(senders=("South",))
    told = "".join(AuditRecord.objects.filter(action="changed").values_list("detail", flat=True))
    assert '"sites":["North","South"]' in told.replace(" ", "")


def key_sight(api_key: ApiKey) -> Sight | None:
    found: ApiKey = ApiKey.objects.get(pk=api_key.pk)
    return found.sight


def test_sites_are_added_changed_and_removed_on_pages() -> None:
    administrator = session(UserFactory.create(role="administrator"))
    StudyFactory.create(calling_ae_title="NORTH")

    nothing = administrator.post("/sites/new/", {"name": "North"})
    assert "Give at least one condition" in nothing.content.decode()
    assert administrator.post("/sites/new/", {"name": "North", "senders": "NORTH\r\n WEST \r\n"}).status_code == 302
    site = Site.objects.get()
    assert site.senders == ["NORTH", "WEST"]
    assert "1 study belongs to it now" in administrator.get(f"/sites/{site.pk}/").content.decode()
    assert administrator.post(f"/sites/{site.pk}/delete/").status_code == 302
    assert not Site.objects.exists()
    assert "No site yet" in administrator.get("/sites/").content.decode()


def test_sites_by_api() -> None:
    client = client_of("administrator")

    assert client.post(f"{V1}/sites", {"name": "North"}, format="json").status_code == 400
    site = client.post(f"{V1}/sites", {"name": "North", "labels": ["north"]}, format="json").json()
    new = {"username": "jo", "password": "a few words together", "sees": "sites", "sites": ["North"]}
    made = client.post(f"{V1}/users", new, format="json").json()
    made_key = client.post(
        f"{V1}/api-keys", {"name": "x", "scopes": ["viewer"], "sees": "sites", "sites": ["North"]}, format="json"
    ).json()

    assert site["labels"] == ["north"]
    assert (made["sees"], made["sites"]) == ("sites", ["North"])
    assert made_key["sites"] == ["North"]
    assert (
        client.patch(f"{V1}/users/{made['id']}", {"sees": "everything"}, format="json").json()["sees"] == "everything"
    )


def test_new_ones_see_nothing_where_the_installation_says_so(settings: Any) -> None:
    client = client_of("administrator")
    new = {"username": "jo", "password": "a few words together"}

    with override_settings(GANTRY=replace(settings.GANTRY, new_users_see="nothing")):
        user = client.post(f"{V1}/users", new, format="json").json()
        made = client.post(f"{V1}/api-keys", {"name": "x", "scopes": ["viewer"]}, format="json").json()

    assert user["sees"] == made["sees"] == "sites"
    assert client.post(f"{V1}/users", new | {"username": "al"}, format="json").json()["sees"] == "everything"


def test_the_audit_trail_shows_an_administrator_the_records_of_his_studies() -> None:
    worlds = make_worlds(UserFactory.create())
    client = session(user_of("administrator", worlds.site))

    inside = client.get("/audit/disclosures/", {"patient_id": "NORTH-1"}).content.decode()
    outside = client.get("/audit/disclosures/", {"patient_id": "SOUTH-1"}).content.decode()

    assert worlds.inside.study.study_instance_uid in inside
    assert worlds.outside.study.study_instance_uid not in outside


def test_a_visitor_without_a_name_still_reaches_the_sign_in_page() -> None:
    assert Client().get("/sign-in/").status_code == 200


def test_what_views_keep_is_not_that_of_who_asks_first() -> None:
    from spanner.portal.fetches import FetchPage

    SeesOwnSites(lambda _: HttpResponse())

    kept: Any = FetchPage.queryset
    assert not kept._is_narrowed
