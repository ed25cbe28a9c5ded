from dataclasses import replace
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth import authenticate
from django.contrib.auth.models import AnonymousUser
from pytest_django.fixtures import Settings

from dicomnet.models import AllowlistEntry
from gateway.accounts.models import Role, User
from gateway.env import Environment
from gateway.supervisor.closing import SignIn, closing_text
from gateway.supervisor.first_run import sign_in
from gateway.supervisor.prepare import collect_static_when_changed, migrate_when_pending


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    (tmp_path / "secrets").mkdir()
    return replace(settings.GANTRY, home=tmp_path, superuser_username="admin", superuser_password=None)


@pytest.mark.django_db
def test_first_start_makes_an_administrator_whose_password_is_kept_for_the_owner(environment: Environment) -> None:
    first = sign_in(environment)

    assert first is not None
    assert first.password_file is not None
    assert first.password_file.read_text() == f"{first.password}\n"
    assert first.password_file.stat().st_mode & 0o777 == 0o600
    user = authenticate(username="admin", password=first.password)
    assert isinstance(user, User)
    assert user.role == Role.ADMINISTRATOR


@pytest.mark.django_db
def test_second_start_makes_nothing_and_does_not_print_the_password(environment: Environment) -> None:
    first = sign_in(environment)
    AllowlistEntry.objects.all().delete()
    second = sign_in(environment)

    assert first is not None
    assert second == SignIn("admin", None, first.password_file)
    assert User.objects.count() == 1
    assert not AllowlistEntry.objects.exists()


@pytest.mark.django_db
def test_first_start_allows_this_machine_and_nobody_else(environment: Environment) -> None:
    sign_in(environment)

    rows = AllowlistEntry.objects.values_list(
        "calling_ae_title", "network", "called_ae_title", "may_echo", "may_store", "may_find", "may_move", "may_get"
    )
    assert sorted(rows) == [
        ("*", "127.0.0.0/8", "", True, True, True, True, True),
        ("*", "::1/128", "", True, True, True, True, True),
    ]


@pytest.mark.django_db
def test_given_password_is_neither_kept_nor_printed(environment: Environment) -> None:
    given = replace(environment, superuser_username="chief", superuser_password="given by hand")

    assert sign_in(given) == SignIn("chief", None, None)
    assert not isinstance(authenticate(username="chief", password="given by hand"), AnonymousUser | None)
    assert list((environment.home / "secrets").iterdir()) == []


@pytest.mark.django_db
def test_migrate_says_nothing_when_nothing_is_pending() -> None:
    said: list[str] = []

    migrate_when_pending(said.append)

    assert said == []


def test_static_files_are_collected_once_and_again_when_one_changed(tmp_path: Path, settings: Settings) -> None:
    source, stamp = tmp_path / "source", tmp_path / "stamp"
    source.mkdir()
    (source / "app.css").write_text("a {}")
    settings.STATIC_ROOT = tmp_path / "static"
    settings.STATICFILES_DIRS = [source]
    settings.STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]
    settings.STORAGES = settings.STORAGES | {
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"}
    }
    said: list[str] = []

    collect_static_when_changed(stamp, said.append)
    collect_static_when_changed(stamp, said.append)
    assert len(said) == 1

    (source / "app.css").write_text("b {}")
    collect_static_when_changed(stamp, said.append)
    assert len(said) == 2

    (tmp_path / "static" / "staticfiles.json").unlink()
    collect_static_when_changed(stamp, said.append)
    assert len(said) == 3


def test_closing_text_says_where_everything_is_and_ends_with_the_word(environment: Environment) -> None:
    here = replace(environment, http_bind=("::", 8000), dicom_bind=("127.0.0.1", 11112), ae_title="GANTRY")

    text = closing_text(here, SignIn("admin", "s3cret", here.home / "secrets" / "admin_password"))

    assert text.splitlines()[-1] == "Gantry is ready"
    for part in ["http://[::1]:8000/api/v1/", "AE title GANTRY, host 127.0.0.1, port 11112", "admin / s3cret"]:
        assert part in text
    assert "s3cret" not in closing_text(here, SignIn("admin", None, None))


def test_closing_text_names_the_port_for_tls(environment: Environment) -> None:
    assert "TLS" not in closing_text(environment, None)
    over_tls = replace(environment, dicom_tls_bind=("0.0.0.0", 2762), tls_ca=None)  # noqa: S104
    assert "over TLS: host 0.0.0.0, port 2762 (callers need no certificate)" in closing_text(over_tls, None)
