"""Bring the database, the static files and the first administrator up to date; quick when they are."""

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.db import connection, connections
from django.db.migrations.executor import MigrationExecutor
from django.db.utils import Error as DatabaseError

from gateway.env import Environment
from gateway.supervisor.closing import SignIn
from gateway.supervisor.errors import CannotStart
from gateway.supervisor.first_run import sign_in

Say = Callable[[str], None]


def prepare(environment: Environment, say: Say) -> SignIn | None:
    """Do what a start needs done; what is said is one line per step that takes long.

    Raises:
        CannotStart: the database cannot be used or a file cannot be written.
    """
    try:
        migrate_when_pending(say)
        collect_static_when_changed(environment.run_dir / "static.sha256", say)
        return sign_in(environment)
    except DatabaseError as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise CannotStart(f"The database cannot be used ({reason}); see DATABASE_URL and GANTRY_HOME.") from error
    except OSError as error:
        raise CannotStart(
            f"{error.filename or environment.home} cannot be written ({error.strerror}); "
            "make room or correct the permissions."
        ) from error
    finally:
        # A connection must not be shared with the processes that are forked from here.
        connections.close_all()


def migrate_when_pending(say: Say) -> None:
    """Apply what is not applied yet."""
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        say("Setting up the database (some seconds) ...")
        call_command("migrate", interactive=False, verbosity=0)


def collect_static_when_changed(stamp: Path, say: Say) -> None:
    """Collect and compress the static files unless they are those of the last time."""
    digest = static_digest()
    manifest = Path(settings.STATIC_ROOT) / "staticfiles.json"
    if manifest.exists() and stamp.exists() and stamp.read_text() == digest:
        return
    say("Collecting the static files (some seconds) ...")
    stamp.unlink(missing_ok=True)
    # From nothing: a power cut may have left a manifest without its content, which stops every start.
    shutil.rmtree(settings.STATIC_ROOT, ignore_errors=True)
    call_command("collectstatic", interactive=False, verbosity=0)
    os.sync()
    stamp.write_text(digest)


def static_digest() -> str:
    """SHA-256 over name and content of every static file of the product and its packages."""
    digest = hashlib.sha256()
    for finder in get_finders():
        for path, storage in finder.list([]):
            digest.update(f"{path}\0".encode())
            with Path(storage.path(path)).open("rb") as content:
                digest.update(hashlib.file_digest(content, "sha256").digest())
    return digest.hexdigest()
