from django.test import Client

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
