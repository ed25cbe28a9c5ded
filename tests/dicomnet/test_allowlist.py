"""Who may associate: default deny, union of entries, and what stands when the database is down."""

from pathlib import Path

import pytest
from django.core.exceptions import ValidationError
from django.db import OperationalError

from dicomnet.allowlist import Allowlist, Entry, Rights
from dicomnet.models import AllowlistEntry
from tests.peers import FixedAllowlist

STORE = Rights(may_echo=True, may_store=True)


@pytest.mark.parametrize(
    ("entry", "caller", "is_covered"),
    [
        (("*", "10.1.2.0/24", ""), ("CT1", "10.1.2.3", "GANTRY"), True),
        (("*", "10.1.2.0/24", ""), ("CT1", "10.1.3.3", "GANTRY"), False),
        (("CT1", "10.1.2.0/24", ""), ("CT1", "10.1.2.3", "GANTRY"), True),
        (("CT1", "10.1.2.0/24", ""), ("CT2", "10.1.2.3", "GANTRY"), False),
        (("CT1", "10.1.2.0/24", ""), ("ct1", "10.1.2.3", "GANTRY"), False),
        (("CT1", "10.1.2.3", ""), ("CT1", "10.1.2.3", "GANTRY"), True),
        (("CT1", "10.1.2.3/32", ""), ("CT1", "10.1.2.4", "GANTRY"), False),
        (("CT1", "0.0.0.0/0", "GANTRY"), ("CT1", "10.1.2.3", "GANTRY"), True),
        (("CT1", "0.0.0.0/0", "OTHER"), ("CT1", "10.1.2.3", "GANTRY"), False),
        (("*", "10.1.2.0/24", ""), ("CT1", "::ffff:10.1.2.3", "GANTRY"), True),
        (("*", "10.1.2.0/24", ""), ("CT1", "::ffff:10.1.3.3", "GANTRY"), False),
        (("*", "0.0.0.0/0", ""), ("CT1", "2001:db8::1", "GANTRY"), False),
        (("*", "::/0", ""), ("CT1", "10.1.2.3", "GANTRY"), False),
        (("*", "2001:db8::/32", ""), ("CT1", "2001:db8::1", "GANTRY"), True),
        (("*", "2001:db8::/32", ""), ("CT1", "2001:db9::1", "GANTRY"), False),
        (("*", "fe80::/10", ""), ("CT1", "fe80::1%eth0", "GANTRY"), True),
        (("*", "::1/128", ""), ("CT1", "::1", "GANTRY"), True),
    ],
)
def test_an_entry_covers_title_network_and_called_title(
    entry: tuple[str, str, str], caller: tuple[str, str, str], is_covered: bool
) -> None:
    allowlist = FixedAllowlist([Entry(*entry, STORE)])
    assert allowlist.rights(*caller) == (STORE if is_covered else None)


def test_nobody_is_allowed_by_an_empty_list() -> None:
    assert FixedAllowlist([]).rights("CT1", "127.0.0.1", "GANTRY") is None


def test_rights_are_the_union_of_all_entries_for_a_caller() -> None:
    allowlist = FixedAllowlist(
        [
            Entry("*", "10.0.0.0/8", "", Rights(may_echo=True)),
            Entry("CT1", "10.1.2.3", "", Rights(may_store=True)),
            Entry("CT1", "10.9.9.9", "", Rights(may_move=True)),
        ]
    )
    assert allowlist.rights("CT1", "10.1.2.3", "GANTRY") == Rights(may_echo=True, may_store=True)


@pytest.mark.parametrize("network", ["10.1.2.3/24", "10.1.2", "host", "", "10.0.0.0/33", "::1/200"])
def test_the_model_refuses_what_is_no_network(network: str) -> None:
    with pytest.raises(ValidationError):
        AllowlistEntry(network=network).clean_fields()


@pytest.mark.django_db(transaction=True)
class TestWithTheDatabase:
    def test_a_refresh_sees_new_and_deleted_entries(self, tmp_path: Path) -> None:
        allowlist = Allowlist(tmp_path / "allowlist.json")
        assert allowlist.rights("CT1", "10.1.2.3", "GANTRY") is None
        entry = AllowlistEntry.objects.create(calling_ae_title="CT1", network="10.1.2.3", may_find=True)
        assert allowlist.refresh()
        assert allowlist.rights("CT1", "10.1.2.3", "GANTRY") == Rights(may_echo=True, may_store=True, may_find=True)
        entry.delete()
        assert allowlist.refresh()
        assert allowlist.rights("CT1", "10.1.2.3", "GANTRY") is None

    def test_the_last_list_stands_while_the_database_is_down(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        AllowlistEntry.objects.create(calling_ae_title="CT1", network="10.1.2.3")
        allowlist = Allowlist(tmp_path / "allowlist.json")
        break_the_database(monkeypatch)
        assert not allowlist.refresh()
        assert allowlist.rights("CT1", "10.1.2.3", "GANTRY") == STORE

    def test_a_listener_that_starts_without_a_database_reads_the_snapshot(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        AllowlistEntry.objects.create(calling_ae_title="CT1", network="10.1.2.3", may_get=True)
        Allowlist(tmp_path / "allowlist.json")
        break_the_database(monkeypatch)
        started = Allowlist(tmp_path / "allowlist.json")
        assert started.rights("CT1", "10.1.2.3", "GANTRY") == STORE | Rights(may_get=True)
        assert started.rights("CT2", "10.1.2.3", "GANTRY") is None

    def test_a_snapshot_does_not_outlive_the_entries_it_holds(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        entry = AllowlistEntry.objects.create(calling_ae_title="CT1", network="10.1.2.3")
        Allowlist(tmp_path / "allowlist.json")
        entry.delete()
        Allowlist(tmp_path / "allowlist.json")  # a start at which the list is empty
        break_the_database(monkeypatch)
        assert Allowlist(tmp_path / "allowlist.json").rights("CT1", "10.1.2.3", "GANTRY") is None

    @pytest.mark.parametrize("content", [b"", b"[", b'[{"network": 1}]', b"\xff\xfe", b"[1]", b'{"a": {"rights": 1}}'])
    def test_a_broken_snapshot_allows_nobody(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
    ) -> None:
        (tmp_path / "allowlist.json").write_bytes(content)
        break_the_database(monkeypatch)
        assert Allowlist(tmp_path / "allowlist.json").rights("CT1", "10.1.2.3", "GANTRY") is None

    def test_one_row_that_names_no_network_does_not_hide_the_others(self, tmp_path: Path) -> None:
        # Written past the form's validation, such as by SQL.
        AllowlistEntry.objects.create(calling_ae_title="A", network="10.1.2.3/24")
        AllowlistEntry.objects.create(calling_ae_title="CT1", network="10.1.2.3")
        allowlist = Allowlist(tmp_path / "allowlist.json")
        assert allowlist.rights("CT1", "10.1.2.3", "GANTRY") == STORE
        assert allowlist.rights("A", "10.1.2.3", "GANTRY") is None


def break_the_database(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise OperationalError("the server is not there")

    monkeypatch.setattr(AllowlistEntry.objects, "all", fail)
