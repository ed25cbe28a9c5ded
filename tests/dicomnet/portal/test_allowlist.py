from dataclasses import replace
from pathlib import Path

from django.test import Client
from pytest_django import Settings

from dicomnet.models import AllowlistEntry
from tests.factories import AllowlistEntryFactory

GOOD = {"calling_ae_title": "CT_ROOM1", "network": "10.1.2.0/24", "may_echo": "on", "may_store": "on"}


def test_create(administrator: Client) -> None:
    answer = administrator.post("/allowlist/new/", GOOD, follow=True)

    entry = AllowlistEntry.objects.get()
    assert "CT_ROOM1 from 10.1.2.0/24 is allowed from now on." in answer.content.decode()
    assert (entry.may_store, entry.may_find) == (True, False)


def test_network_with_host_bits_is_refused_in_words(administrator: Client) -> None:
    html = administrator.post("/allowlist/new/", GOOD | {"network": "10.1.2.3/24"}).content.decode()

    assert "host bits zero" in html
    assert not AllowlistEntry.objects.exists()


def test_second_entry_for_the_same_caller_is_refused_in_words(administrator: Client) -> None:
    administrator.post("/allowlist/new/", GOOD)

    assert "There is an entry" in administrator.post("/allowlist/new/", GOOD).content.decode()


def test_restrictions_are_typed_one_per_line_and_shown_again(administrator: Client) -> None:
    lines = {
        "requires_tls": "on",
        "certificates": ":".join(["A1"] * 32) + "\r\n\r\nct1.hospital\r\n",
        "sop_classes": "CTImageStorage\r\n1.3.12.2.1107.5.9.1",
        "move_destinations": "PACS",
    }

    administrator.post("/allowlist/new/", GOOD | lines)

    entry = AllowlistEntry.objects.get()
    assert entry.requires_tls
    assert entry.certificates == ["a1" * 32, "ct1.hospital"]
    assert entry.sop_classes == ["1.2.840.10008.5.1.4.1.1.2", "1.3.12.2.1107.5.9.1"]
    assert entry.move_destinations == ["PACS"]
    html = administrator.get(f"/allowlist/{entry.pk}/").content.decode()
    assert "CTImageStorage\n1.3.12.2.1107.5.9.1</textarea>" in html
    assert "certificate, stores 2 SOP Classes, moves to 1 AE title" in administrator.get("/allowlist/").content.decode()


def test_a_mistyped_restriction_is_refused_in_words_and_stays_in_the_form(administrator: Client) -> None:
    lines = {"sop_classes": "CTImageStrage", "certificates": "AB:CD", "move_destinations": "A\\B"}

    html = administrator.post("/allowlist/new/", GOOD | lines).content.decode()

    assert "did you mean CTImageStorage?" in html
    assert "this has 4" in html
    assert "is no AE title" in html
    assert "CTImageStrage</textarea>" in html
    assert not AllowlistEntry.objects.exists()


def test_the_form_says_what_is_not_set_up(administrator: Client, settings: Settings) -> None:
    form = "/allowlist/new/"
    settings.GANTRY = replace(settings.GANTRY, dicom_tls_bind=None, tls_ca=None)
    html = administrator.get(form).content.decode()
    assert "This gateway does not listen for TLS" in html
    assert "as long as GANTRY_TLS_CA is not set" in html
    settings.GANTRY = replace(settings.GANTRY, dicom_tls_bind=("127.0.0.1", 2762), tls_ca=Path("/ca.pem"))
    html = administrator.get(form).content.decode()
    assert "does not listen for TLS" not in html
    assert "GANTRY_TLS_CA" not in html


def test_django_admin_takes_the_same_form(administrator: Client) -> None:
    administrator.post("/admin/dicomnet/allowlistentry/add/", GOOD | {"sop_classes": "CTImageStorage"})

    assert AllowlistEntry.objects.get().sop_classes == ["1.2.840.10008.5.1.4.1.1.2"]


def test_update_and_delete(administrator: Client) -> None:
    entry = AllowlistEntryFactory.create()

    administrator.post(f"/allowlist/{entry.pk}/", GOOD | {"may_find": "on"})
    entry.refresh_from_db()
    assert entry.may_find
    answer = administrator.post(f"/allowlist/{entry.pk}/delete/", follow=True)
    assert "its calls are refused from now on" in answer.content.decode()
    assert "Nobody may call" in answer.content.decode()


def test_viewer_reads_but_does_not_change(viewer: Client) -> None:
    entry = AllowlistEntryFactory.create()

    assert viewer.get("/allowlist/").status_code == 200
    assert viewer.post("/allowlist/new/", GOOD).status_code == 403
    assert viewer.post(f"/allowlist/{entry.pk}/delete/").status_code == 403
