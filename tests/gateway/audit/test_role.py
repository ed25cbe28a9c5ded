"""A database role of its own: Gantry does its work under it, and cannot change or remove what is on record."""

from collections.abc import Iterator
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.utils import timezone

from dicomnet.audit import Action
from gateway.accounts.models import Role
from gateway.accounts.tasks import sweep
from gateway.audit.anchors import anchor
from gateway.audit.archive import archive
from gateway.audit.guard import SEGMENTS, TABLE, guard, unguard
from gateway.audit.models import AuditRecord, Segment
from gateway.audit.verdict import verify_all
from gateway.env import Environment
from studies.index import index_spool
from studies.models import Study
from studies.spool import Spool
from tests.api_clients import V1, key_client
from tests.factories import PASSWORD, UserFactory
from tests.gateway.audit.conftest import add
from tests.studies.receiving import receive

pytestmark = pytest.mark.django_db(transaction=True)
ROLE = "gantry app"  # a name that has to be quoted


@pytest.fixture
def as_owner(home: Environment, transactional_db: None) -> Iterator[None]:
    """The triggers as in every installation, and the role, whose rights are given by what the command prints."""
    guard(connection)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f'CREATE ROLE "{ROLE}"')
            out = StringIO()
            call_command("auditrole", ROLE, stdout=out)
            cursor.execute(out.getvalue())
            cursor.execute(out.getvalue())  # again changes nothing
    yield
    be_owner()
    unguard(connection)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f'DROP OWNED BY "{ROLE}"; DROP ROLE "{ROLE}"')


def be_role() -> None:
    """From now on this connection may what the role may; SQLite has no roles, and its triggers alone."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f'SET ROLE "{ROLE}"')


def be_owner() -> None:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("RESET ROLE")


def refused(statement: str) -> bool:
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
    except DatabaseError:
        return True
    return False


def test_gantry_does_its_work_under_it(as_owner: None, home: Environment) -> None:
    UserFactory.create(username="ada", role=Role.ADMINISTRATOR)
    spool = Spool(home.spool_dir, 100)
    spool.prepare()
    be_role()

    client = Client()
    assert client.post("/sign-in/", {"username": "ada", "password": "wrong"}).status_code == 200
    assert client.post("/sign-in/", {"username": "ada", "password": PASSWORD}).status_code == 302
    receive(spool, PatientID="PAT1")
    index_spool(spool)
    study = Study.objects.get()
    assert client.get("/").status_code == 200
    assert client.get(f"/studies/{study.study_instance_uid}/").status_code == 200
    api = key_client("administrator")
    made = api.post(f"{V1}/allowlist", {"calling_ae_title": "CT1", "network": "10.0.0.0/8"}, format="json")
    assert made.status_code == 201, made.content
    assert api.delete(f"{V1}/allowlist/{made.json()['id']}").status_code == 204
    assert client.get("/audit/").status_code == 200
    anchor()
    sweep()
    assert verify_all(by="ada").faults == 0
    assert client.post("/sign-out/").status_code == 302
    acts = set(AuditRecord.objects.values_list("action", flat=True))
    assert acts >= {"sign-in", "sign-in-failed", "sign-out", "received", "accessed", "created", "removed", "audit-used"}


def test_what_is_on_record_cannot_be_changed_under_it(as_owner: None) -> None:
    add(3)
    list(archive(timezone.now()))
    add(3)
    be_role()

    acts = [f"UPDATE {TABLE} SET actor = 'x'", f"DELETE FROM {TABLE}", f"DELETE FROM {TABLE} WHERE sequence > 3"]  # noqa: S608
    acts += [f"UPDATE {SEGMENTS} SET head = 'x'", f"DELETE FROM {SEGMENTS}"]  # noqa: S608
    if connection.vendor == "postgresql":
        acts += [f"TRUNCATE {TABLE}", "TRUNCATE audit_chain CASCADE", "DELETE FROM audit_chain", f"DROP TABLE {TABLE}"]
        acts += [f"ALTER TABLE {TABLE} DISABLE TRIGGER ALL", f"DROP TRIGGER audit_no_change ON {TABLE}"]
        acts += ["DROP FUNCTION audit_refuse() CASCADE", "SET session_replication_role = replica"]
        acts += ["DELETE FROM audit_verification", "DELETE FROM django_migrations"]
    assert [act for act in acts if not refused(act)] == []
    assert AuditRecord.objects.filter(action=Action.ACCESSED).count() == 3


def test_archiving_takes_the_owner(as_owner: None) -> None:
    add(3)
    anchor()
    if connection.vendor == "postgresql":
        be_role()
        with pytest.raises(CommandError, match="does its role own the audit tables"):
            call_command("archiveaudit", "--before", timezone.now().isoformat(), stdout=StringIO())
        assert not Segment.objects.exists()
        assert AuditRecord.objects.count() == 3
        be_owner()
        # What was written to the disk before the database refused is written again.
        call_command("archiveaudit", "--before", timezone.now().isoformat(), stdout=StringIO())
        assert Segment.objects.get().count == 3
    else:
        with pytest.raises(CommandError, match="SQLite has no roles"):
            call_command("auditrole", ROLE)
