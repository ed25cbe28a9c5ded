"""Who may associate: default deny, union of entries, and what stands when the database is down."""

import json
import time
from pathlib import Path
from typing import Any, ClassVar

import pytest
from django.core.exceptions import ValidationError
from django.db import OperationalError
from django.db.models import JSONField, Value
from pydicom.uid import CTImageStorage, MRImageStorage

from dicomnet.allowlist import REFRESH_SECONDS, Allowlist, Entry, Rights
from dicomnet.certificates import PeerCertificate
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


CT1_CERTIFICATE = PeerCertificate("CT1", ("ct1.hospital", "10.1.2.3"), "a1" * 32)
MR1_CERTIFICATE = PeerCertificate("MR1", ("mr1.hospital",), "b2" * 32)
TITLES, ADDRESSES, CALLED, CERTIFICATES = (
    ["CT1", "MR1", "*", "ct1"],
    ["10.1.2.3", "10.1.2.4", "10.9.9.9", "2001:db8::1"],
    ["GANTRY", "RESEARCH", "OTHER", ""],
    [None, CT1_CERTIFICATE, MR1_CERTIFICATE, PeerCertificate("CT1", (), "c3" * 32)],
)


class TestMatrix:
    """Calling AE title x address x called AE title x certificate, four of each, against a list of four entries."""

    ENTRIES = (
        # A device bound to its certificate's fingerprint; another one to any of two names, over TLS by name.
        Entry("CT1", "10.1.2.0/24", "GANTRY", Rights(may_store=True), certificates=frozenset({"a1" * 32})),
        Entry("MR1", "10.1.2.4", "", Rights(may_find=True), certificates=frozenset({"MR1.HOSPITAL", "elsewhere"})),
        # Everybody over TLS may echo at one title; a workstation in plain text.
        Entry("*", "0.0.0.0/0", "RESEARCH", Rights(may_echo=True), requires_tls=True),
        Entry("MR1", "2001:db8::/32", "GANTRY", Rights(may_get=True)),
    )

    @pytest.mark.parametrize("certificate", CERTIFICATES)
    @pytest.mark.parametrize("called", CALLED)
    @pytest.mark.parametrize("address", ADDRESSES)
    @pytest.mark.parametrize("title", TITLES)
    def test_matrix(self, title: str, address: str, called: str, certificate: PeerCertificate | None) -> None:
        found = FixedAllowlist(self.ENTRIES).rights(title, address, called, certificate)
        assert found == self.EXPECTED.get((title, address, called, CERTIFICATES.index(certificate)))

    # Written out: each caller that is let in, and what it may; all 256 others are rejected.
    EXPECTED: ClassVar = {
        ("CT1", "10.1.2.3", "GANTRY", 1): Rights(may_store=True),
        ("CT1", "10.1.2.4", "GANTRY", 1): Rights(may_store=True),
        ("MR1", "10.1.2.4", "GANTRY", 2): Rights(may_find=True),
        ("MR1", "10.1.2.4", "OTHER", 2): Rights(may_find=True),
        ("MR1", "10.1.2.4", "", 2): Rights(may_find=True),
        ("MR1", "10.1.2.4", "RESEARCH", 2): Rights(may_find=True, may_echo=True),
        ("MR1", "2001:db8::1", "GANTRY", 0): Rights(may_get=True),
        ("MR1", "2001:db8::1", "GANTRY", 1): Rights(may_get=True),
        ("MR1", "2001:db8::1", "GANTRY", 2): Rights(may_get=True),
        ("MR1", "2001:db8::1", "GANTRY", 3): Rights(may_get=True),
    } | {
        (title, address, "RESEARCH", number): Rights(may_echo=True)
        for title in TITLES
        for address in ADDRESSES[:3]
        for number in (1, 2, 3)
        if (title, address, number) != ("MR1", "10.1.2.4", 2)
    }


def test_tls_without_a_certificate_is_enough_where_only_tls_is_required() -> None:
    allowlist = FixedAllowlist([Entry("CT1", "10.0.0.0/8", "", STORE, requires_tls=True)])
    assert allowlist.rights("CT1", "10.1.2.3", "GANTRY") is None
    assert allowlist.rights("CT1", "10.1.2.3", "GANTRY", is_tls=True) == STORE


@pytest.mark.parametrize(
    ("wanted", "is_taken"),
    [
        ("ct1", True),
        ("CT1", True),
        ("CT1.Hospital", True),
        ("10.1.2.3", True),
        ("a1" * 32, True),
        ("*", False),
        ("*.hospital", False),
        ("hospital", False),
        ("a1" * 31, False),
        ("", False),
    ],
)
def test_a_certificate_goes_by_fingerprint_or_whole_name(wanted: str, is_taken: bool) -> None:
    assert CT1_CERTIFICATE.is_one_of(frozenset({"somebody", wanted})) is is_taken


def test_an_empty_name_in_a_certificate_matches_nothing() -> None:
    assert not PeerCertificate("", ("",), "a1" * 32).is_one_of(frozenset({""}))


class TestRightsByClassAndDestination:
    def test_all_classes_and_destinations_without_a_list(self) -> None:
        rights = Rights(may_store=True, may_move=True)
        assert rights.may_store_class(CTImageStorage)
        assert rights.may_move_to("PACS")

    def test_no_class_and_no_destination_without_the_right(self) -> None:
        rights = Rights(store_classes=frozenset({CTImageStorage}), move_destinations=frozenset({"PACS"}))
        assert not rights.may_store_class(CTImageStorage)
        assert not rights.may_move_to("PACS")

    def test_only_those_on_the_list(self) -> None:
        rights = Rights(
            may_store=True,
            may_move=True,
            store_classes=frozenset({CTImageStorage}),
            move_destinations=frozenset({"PACS"}),
        )
        assert (rights.may_store_class(CTImageStorage), rights.may_store_class(MRImageStorage)) == (True, False)
        assert (rights.may_move_to("PACS"), rights.may_move_to("pacs"), rights.may_move_to("USB")) == (
            True,
            False,
            False,
        )

    @pytest.mark.parametrize(
        ("first", "second", "classes"),
        [
            ((True, {CTImageStorage}), (True, {MRImageStorage}), {CTImageStorage, MRImageStorage}),
            ((True, {CTImageStorage}), (True, set()), set()),
            ((True, set()), (True, {CTImageStorage}), set()),
            ((True, {CTImageStorage}), (False, set()), {CTImageStorage}),
            ((False, set()), (True, {CTImageStorage}), {CTImageStorage}),
            ((False, {MRImageStorage}), (True, {CTImageStorage}), {CTImageStorage}),
        ],
    )
    def test_two_entries_allow_what_either_allows(
        self, first: tuple[bool, set[str]], second: tuple[bool, set[str]], classes: set[str]
    ) -> None:
        by_store = [Rights(may_store=may, store_classes=frozenset(those)) for may, those in (first, second)]
        assert (by_store[0] | by_store[1]) == Rights(may_store=True, store_classes=frozenset(classes))
        by_move = [Rights(may_move=may, move_destinations=frozenset(those)) for may, those in (first, second)]
        assert (by_move[0] | by_move[1]) == Rights(may_move=True, move_destinations=frozenset(classes))


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

    def test_a_snapshot_keeps_every_restriction(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        AllowlistEntry.objects.create(
            calling_ae_title="CT1",
            network="10.1.2.3",
            requires_tls=True,
            certificates=["a1" * 32, "mr1.hospital"],
            may_move=True,
            sop_classes=[CTImageStorage, MRImageStorage],
            move_destinations=["PACS"],
        )
        read = Allowlist(tmp_path / "allowlist.json").rights("CT1", "10.1.2.3", "GANTRY", CT1_CERTIFICATE)
        break_the_database(monkeypatch)
        started = Allowlist(tmp_path / "allowlist.json")
        assert read is not None
        assert started.rights("CT1", "10.1.2.3", "GANTRY", CT1_CERTIFICATE) == read
        assert read.store_classes == {CTImageStorage, MRImageStorage}
        assert read.move_destinations == {"PACS"}
        assert started.rights("CT1", "10.1.2.3", "GANTRY", MR1_CERTIFICATE) == read
        assert started.rights("CT1", "10.1.2.3", "GANTRY") is None
        assert started.rights("CT1", "10.1.2.3", "GANTRY", is_tls=True) is None

    def test_a_snapshot_of_the_version_before_these_restrictions_is_read(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        rights = dict.fromkeys(("may_find", "may_move", "may_get", "may_commit"), False)
        line = {"calling_ae_title": "CT1", "network": "10.1.2.3", "called_ae_title": ""}
        line_with_rights = line | {"rights": rights | {"may_echo": True, "may_store": True}}
        (tmp_path / "allowlist.json").write_text(json.dumps([line_with_rights]))
        break_the_database(monkeypatch)
        assert Allowlist(tmp_path / "allowlist.json").rights("CT1", "10.1.2.3", "GANTRY") == STORE

    @pytest.mark.parametrize(
        "given",
        [
            {"sop_classes": ["CTImageStrage"]},
            {"sop_classes": {}},
            {"sop_classes": "1.2.840.10008.5.1.4.1.1.2"},
            {"certificates": [1]},
            {"certificates": None},
            {"move_destinations": ["A\\B"]},
        ],
    )
    def test_a_row_whose_restriction_makes_no_sense_allows_nothing(self, tmp_path: Path, given: dict[str, Any]) -> None:
        # Written past the form's validation, such as by SQL: taken for "no restriction" it would open a door.
        if given.get("certificates", ()) is None:
            given = {"certificates": Value(None, JSONField())}
        AllowlistEntry.objects.create(calling_ae_title="A", network="10.1.2.3", **given)
        AllowlistEntry.objects.create(calling_ae_title="CT1", network="10.1.2.3")
        allowlist = Allowlist(tmp_path / "allowlist.json")
        assert allowlist.rights("CT1", "10.1.2.3", "GANTRY") == STORE
        assert allowlist.rights("A", "10.1.2.3", "GANTRY", CT1_CERTIFICATE) is None

    def test_a_change_holds_within_five_seconds_of_a_running_listener(self, tmp_path: Path) -> None:
        assert REFRESH_SECONDS < 5
        allowlist = Allowlist(tmp_path / "allowlist.json")
        end = allowlist.refresh_forever()
        try:
            AllowlistEntry.objects.create(calling_ae_title="CT1", network="10.1.2.3", certificates=["a1" * 32])
            deadline = time.monotonic() + 30
            while allowlist.rights("CT1", "10.1.2.3", "GANTRY", CT1_CERTIFICATE) is None:
                assert time.monotonic() < deadline
                time.sleep(0.05)
        finally:
            end()

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
