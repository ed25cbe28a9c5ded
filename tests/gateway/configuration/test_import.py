"""Applying a document: all of it or nothing, as if by hand, and back again."""

import os
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db.models.signals import pre_save
from pytest_django import Settings

from dicomnet.models import AllowlistEntry
from dicomnet.web.secrets import unseal
from gateway.audit.models import AuditRecord
from gateway.configuration import carry_out
from gateway.configuration.changes import What, lines
from gateway.configuration.export import export
from gateway.configuration.models import ConfigSnapshot
from gateway.configuration.problems import BadDocument
from gateway.env import Environment
from routing.models import AIPool, Destination, Rule, RuleVersion
from spanner.models import Source, SpanningConfig
from studies.models import SourcePace
from tests.factories import DeliveryFactory, DestinationFactory, UserFactory
from tests.gateway.configuration.whole import SECRET, load, make_whole, state
from tiering.models import Location

pytestmark = pytest.mark.django_db
PLACE = "https://pacs.example:443"


def test_a_dry_run_shows_field_by_field_and_writes_nothing() -> None:
    make_whole()
    text = export().replace("host: 10.1.2.4", "host: pacs.example").replace("order: 100", "order: 50", 1)
    before, records = state(), AuditRecord.objects.count()

    outcome = load(text, is_dry_run=True)

    assert list(lines(outcome))[:4] == [
        "~ destination PACS 1",
        "      host: 10.1.2.4 -> pacs.example",
        "~ rule CT to PACS",
        "      order: 100 -> 50",
    ]
    assert not outcome.is_applied
    assert (state(), AuditRecord.objects.count()) == (before, records)


@pytest.mark.parametrize("last", [SpanningConfig, ConfigSnapshot])
def test_a_failure_in_the_middle_leaves_all_as_it_was(last: type[Any]) -> None:
    make_whole()
    before = state()

    def fail(**kwargs: Any) -> None:
        raise OSError("the disk is full")

    pre_save.connect(fail, sender=last)
    try:
        with pytest.raises(OSError, match="disk"):
            load(export().replace("host: 10.1.2.4", "host: pacs.example").replace("ae_title: ALL", "ae_title: EVERY"))
    finally:
        pre_save.disconnect(fail, sender=last)

    assert state() == before


def test_one_bad_entry_keeps_all_the_others_out() -> None:
    make_whole()
    before = state()
    text = export().replace("host: 10.1.2.4", "host: pacs.example").replace("order: 100", "order: soon", 1)

    with pytest.raises(BadDocument, match="order: A valid integer is required"):
        load(text)

    assert state() == before


def test_a_rule_that_changes_has_its_next_version_with_author_and_reason() -> None:
    make_whole()
    ada = UserFactory.create(username="ada")

    load(export().replace("value: CT", "value: MR"), author=ada, reason="MR too")

    rule = Rule.objects.get(name="CT to PACS")
    version = RuleVersion.objects.get(rule=rule, number=rule.version)
    assert (rule.version, version.author, version.reason) == (2, ada, "MR too")
    assert version.definition["conditions"][0]["value"] == "MR"
    assert Rule.objects.get(name="a later rule").version == 1


def test_every_change_is_on_record_with_who_did_it(tmp_path: Path) -> None:
    make_whole()
    UserFactory.create(username="ada")
    AuditRecord.objects.all().delete()
    file = tmp_path / "gantry.yaml"
    file.write_text(export().replace("port: 104", "port: 105"))

    call_command("importconfig", str(file), "--author", "ada", "--reason", "moved", stdout=StringIO())

    told = {
        (row.actor, row.action, row.subject.partition(":")[0].rstrip(" 0123456789"))
        for row in AuditRecord.objects.all()
    }
    assert ("ada", "changed", "destination") in told
    assert ("ada", "changed", "source") in told
    whole = AuditRecord.objects.get(subject="configuration: import of gantry.yaml")
    assert '"reason":"moved"' in whole.detail
    assert "destination PACS 1" in whole.detail


def test_what_is_left_out_has_its_usual_value_and_what_is_not_named_stays() -> None:
    make_whole()

    load("version: 1\nallowlist: [{calling_ae_title: 'NO', network: 10.1.2.0/24}]")

    entry = AllowlistEntry.objects.get(calling_ae_title="NO")
    assert (entry.may_find, entry.sop_classes) == (False, [])
    assert AllowlistEntry.objects.count() == 2
    assert Rule.objects.count() == 2


def test_prune_removes_what_is_not_in_the_sections_of_the_document() -> None:
    make_whole()

    outcome = load("version: 1\nallowlist: []\nfederations: []\nquiet_times: []", prune=True)

    assert {change.what for change in outcome.changes} == {What.REMOVED}
    assert not AllowlistEntry.objects.exists()
    assert not SpanningConfig.objects.exists()
    assert Source.objects.count() == 2
    assert SourcePace.objects.get(calling_ae_title="CT1").longest_gaps == [1.5]  # learnt, not set
    assert SourcePace.objects.get(calling_ae_title="CT1").floor_seconds is None


def test_what_deliveries_name_is_not_pruned() -> None:
    DeliveryFactory.create(destination=DestinationFactory.create(name="PACS"))
    before = state()

    with pytest.raises(BadDocument, match="line 2, destinations: The destination PACS is part of the record"):
        load("version: 1\ndestinations: []", prune=True)

    assert state() == before


def test_an_ae_title_goes_from_what_is_removed_to_what_is_new() -> None:
    make_whole()

    load("version: 1\nfederations: [{name: another, ae_title: ALL}]", prune=True)

    assert [(each.name, each.ae_title) for each in SpanningConfig.objects.all()] == [("another", "ALL")]


def test_a_secret_from_a_variable_is_sealed_and_shown_as_changed_only(monkeypatch: pytest.MonkeyPatch) -> None:
    make_whole()
    monkeypatch.setenv("GANTRY_DEST_CLOUD_PASSWORD", "another one")
    monkeypatch.setenv("GANTRY_TIER_BUCKET_SECRET_KEY", SECRET)

    outcome = load(export(secrets="env"))

    assert list(lines(outcome)) == ["~ destination cloud", "      secret: changed"]
    assert unseal(Destination.objects.get(name="cloud").secret, place=PLACE) == "another one"
    assert load(export(secrets="env")).changes == []


@pytest.fixture
def secrets_folder(settings: Settings, tmp_path: Path) -> Path:
    settings.GANTRY = replace(settings.GANTRY, home=tmp_path)
    folder = tmp_path / "secrets" / "config"
    folder.mkdir(parents=True)
    return folder


def test_a_secret_from_a_file_that_only_we_may_read(secrets_folder: Path) -> None:
    make_whole()
    Location.objects.all().delete()
    text = export(secrets="file")
    file = secrets_folder / "dest_cloud_password"
    with pytest.raises(BadDocument, match="cannot be read"):
        load(text)
    file.write_text("from a file\n")
    file.chmod(0o640)
    with pytest.raises(BadDocument, match="chmod 600"):
        load(text)
    file.chmod(0o600)

    load(text)

    assert unseal(Destination.objects.get(name="cloud").secret, place=PLACE) == "from a file"


def test_a_link_out_of_the_folder_of_secrets_is_not_followed(secrets_folder: Path) -> None:
    make_whole()
    other = secrets_folder.parent / "encryption_keys"
    other.write_text("the keys")
    other.chmod(0o600)
    os.symlink(other, secrets_folder / "dest_cloud_password")

    with pytest.raises(BadDocument, match="leads out of"):
        load(export(secrets="file"))


def test_a_kept_secret_does_not_go_to_another_address() -> None:
    make_whole()

    with pytest.raises(BadDocument, match="entered for another address"):
        load(export().replace("pacs.example", "elsewhere.example"))


def test_what_changed_since_somebody_looked_is_not_applied() -> None:
    make_whole()
    text = export().replace("host: 10.1.2.4", "host: pacs.example")
    agreed = load(text, is_dry_run=True).fingerprint
    Destination.objects.filter(name="PACS 1").update(host="10.1.2.9")

    with pytest.raises(carry_out.ChangedMeanwhile):
        load(text, agreed=agreed)

    assert Destination.objects.get(name="PACS 1").host == "10.1.2.9"


def test_commands_from_export_to_rollback(home: Environment) -> None:
    make_whole()
    first, file, out = export(), home.home / "gantry.yaml", StringIO()
    call_command("exportconfig", "--output", str(file), stdout=out)
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.read_text() == first
    with pytest.raises(CommandError, match="is no file"):
        call_command("exportconfig", "--output", "/dev/null", stdout=out)
    file.write_text(first.replace("algorithm", "x").replace("name: lungs", "name: lungs\n    algorithm: 2.0"))

    call_command("importconfig", str(file), "--dry-run", stdout=out)
    assert "Dry run: 1 changed. Nothing was changed." in out.getvalue()
    call_command("importconfig", str(file), "--reason", "new version", stdout=out)
    assert "algorithm: (none) -> 2.0" in out.getvalue()
    assert AIPool.objects.get().algorithm == "2.0"
    call_command("importconfig", "--list", stdout=out)
    assert "before import of gantry.yaml: new version (1 changed)" in out.getvalue()
    call_command("importconfig", "--rollback", stdout=out)

    assert export() == first
    call_command("importconfig", str(file), stdout=out, dry_run=True)
    file.write_text("version: 1\nrules: 7")
    with pytest.raises(CommandError, match=r"line 2, rules: Give a list.*\nNothing was changed"):
        call_command("importconfig", str(file), stdout=out)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "one of the three"),
        (["a.yaml", "--list"], "one of the three"),
        (["/nowhere/a.yaml"], "cannot be read"),
        (["--rollback", "x"], "the number of a snapshot"),
        (["--rollback"], "no such snapshot"),
        (["a.yaml", "--author", "nobody"], "no user nobody"),
    ],
)
def test_commands_that_make_no_sense(arguments: list[str], words: str) -> None:
    with pytest.raises(CommandError, match=words):
        call_command("importconfig", *arguments, stdout=StringIO())
