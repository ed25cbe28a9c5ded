import pytest
from django.test import Client

from studies.models import Conflict, UnreadableFile
from tests.factories import ConflictFactory, DeliveryFactory, IdentityClashFactory, InstanceFactory, SeriesFactory


def test_study_page_names_kinds_and_encodings(viewer: Client) -> None:
    instance = InstanceFactory.create()

    html = viewer.get(f"/studies/{instance.series.study}/").content.decode()

    assert "CT Image Storage" in html
    assert "Explicit VR Little Endian" in html
    assert f'data-copy="{instance.series.study}"' in html


def test_study_page_sums_up_deliveries(viewer: Client) -> None:
    delivery = DeliveryFactory.create(has_failed=True)

    html = viewer.get(f"/studies/{delivery.instance.series.study}/").content.decode()

    assert delivery.destination.name in html
    assert "1 failed" in html
    assert delivery.last_error in html


def test_instances_of_a_series_are_paged(viewer: Client) -> None:
    series = SeriesFactory.create()
    InstanceFactory.create_batch(101, series=series)
    address = f"/studies/{series.study}/series/{series}/"

    fragment = viewer.get(f"{address}?page=2", headers={"HX-Request": "true"}).content.decode()

    assert "101 of 101" in fragment
    assert "<html" not in fragment
    assert "<html" in viewer.get(address).content.decode()


def test_series_of_another_study_is_not_found(viewer: Client) -> None:
    series, other = SeriesFactory.create_batch(2)

    assert viewer.get(f"/studies/{other.study}/series/{series}/").status_code == 404


def test_conflict_is_marked_as_seen_by_an_operator_only(viewer: Client, operator: Client) -> None:
    conflict = ConflictFactory.create()
    address = f"/conflicts/{conflict.pk}/seen/"

    assert viewer.post(address).status_code == 403
    assert operator.get(address).status_code == 405
    assert Conflict.objects.get().resolved_at is None
    operator.post(address)

    seen = Conflict.objects.get()
    assert seen.resolved_at is not None
    assert seen.resolved_by == operator.get("/conflicts/").context["user"].get_username()
    assert f"by {seen.resolved_by}" in operator.get("/conflicts/").content.decode()


def test_open_conflicts_stand_before_those_that_were_seen(viewer: Client, operator: Client) -> None:
    first, second = ConflictFactory.create_batch(2)
    operator.post(f"/conflicts/{second.pk}/seen/")

    assert list(viewer.get("/conflicts/").context["conflicts"]) == [first, second]


def test_an_odd_header_is_told_of_on_its_study_its_series_and_the_page_of_odd_files(viewer: Client) -> None:
    instance = InstanceFactory.create(header_note="Its Specific Character Set is unknown.")
    UnreadableFile.objects.create(name="one.dcm", reason="the DICM prefix is missing", size_bytes=5)
    study = f"/studies/{instance.series.study.study_instance_uid}/"
    assert "1 instance of this study has an odd header" in viewer.get(study).content.decode()
    assert "odd header" in viewer.get(f"{study}series/{instance.series.series_instance_uid}/").content.decode()
    page = viewer.get("/odd/").content.decode()
    assert instance.sop_instance_uid in page
    assert "Its Specific Character Set is unknown." in page
    assert "the DICM prefix is missing" in page


def test_without_odd_files_their_page_says_so(viewer: Client) -> None:
    InstanceFactory.create()
    page = viewer.get("/odd/").content.decode()
    assert "No odd header" in page
    assert "No unreadable file" in page


def test_operator_chooses_the_content_that_is_in_use(viewer: Client, operator: Client) -> None:
    counted = {"series__number_of_series_related_instances": 1, "series__study__number_of_study_related_instances": 1}
    conflict = ConflictFactory.create(instance=InstanceFactory.create(**counted))
    address, given = f"/conflicts/{conflict.pk}/choose/", {"instance": conflict.other_id}
    assert "Use the other" not in viewer.get("/conflicts/").content.decode()
    assert "Use the other" in operator.get("/conflicts/").content.decode()

    assert viewer.post(address, given).status_code == 403
    assert operator.get(address).status_code == 405
    operator.post(address, given)

    assert Conflict.objects.get().instance_id == conflict.other_id
    assert "changed meanwhile" in operator.post(address, {"instance": "0"}, follow=True).content.decode()


def test_identity_clash_is_told_on_the_study_and_marked_as_seen_by_an_operator_only(
    viewer: Client, operator: Client
) -> None:
    clash = IdentityClashFactory.create(instance_value="PAT-OTHER")
    IdentityClashFactory.create(attribute="PatientSex", study_value="F", instance_value="M")
    page = viewer.get(f"/studies/{clash.study}/").content.decode()
    listed = f"/conflicts/identity/?study={clash.study}"
    assert "name another patient or order than the study: Patient ID." in page
    assert listed in page
    assert list(viewer.get(listed).context["clashes"]) == [clash]
    assert "PAT-OTHER" in viewer.get(listed).content.decode()
    assert len(viewer.get("/conflicts/identity/").context["clashes"]) == 2
    assert "No clash in this study" in viewer.get("/conflicts/identity/?study=1.2.3").content.decode()
    address = f"/conflicts/identity/{clash.pk}/seen/"

    assert viewer.post(address).status_code == 403
    assert operator.get(address).status_code == 405
    answer = operator.post(address, {"study": str(clash.study)})

    assert answer.headers["Location"] == listed
    clash.refresh_from_db()
    assert clash.resolved_at is not None
    assert f"by {clash.resolved_by}" in operator.get(listed).content.decode()


def test_conflicts_of_one_study(viewer: Client) -> None:
    conflict, _ = ConflictFactory.create_batch(2)
    study = conflict.instance.series.study

    assert f"/conflicts/?study={study}" in viewer.get(f"/studies/{study}/").content.decode()
    assert list(viewer.get(f"/conflicts/?study={study}").context["conflicts"]) == [conflict]


@pytest.mark.parametrize(
    ("shown", "said", "words"),
    [
        ("Berg^Eva", "Berg-Aalto^Eva", ("Berg, Eva</td>", "Berg-Aalto, Eva</td>")),
        ("Berg^Eva^^^MD", "Berg^Eva^^^PhD", ("Berg^Eva^^^MD</td>", "Berg^Eva^^^PhD</td>")),
    ],
    ids=["as-people-read-them", "as-sent-where-only-that-tells-them-apart"],
)
def test_names_of_an_identity_clash_can_be_told_apart(
    viewer: Client, shown: str, said: str, words: tuple[str, str]
) -> None:
    IdentityClashFactory.create(attribute="PatientName", study_value=shown, instance_value=said)

    page = viewer.get("/conflicts/identity/").content.decode()

    assert all(each in page for each in words)
