"""The environment: every variable documented, every bad value one sentence, secrets kept."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.env import BASE_DIR, BadSetting, read_environment
from gateway.variables import VARIABLES


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    for variable in VARIABLES:
        monkeypatch.delenv(variable.name, raising=False)
        monkeypatch.delenv(f"{variable.name}_FILE", raising=False)
    monkeypatch.setenv("GANTRY_HOME", str(tmp_path))
    return monkeypatch


def test_every_variable_stands_in_the_settings_table() -> None:
    page = (BASE_DIR / "docs" / "settings.md").read_text()
    rows = [f"| `{variable.name}` | {variable.default} | {variable.meaning} |" for variable in VARIABLES]
    assert [row for row in rows if row not in page] == []


def test_every_variable_that_is_read_is_listed() -> None:
    source = (BASE_DIR / "gateway" / "env.py").read_text()
    reader = source[source.index("def read_environment") :]
    listed = {variable.name for variable in VARIABLES}
    assert {name for name in listed if f'"{name}"' not in reader} == set()


def test_the_default_is_embedded_and_on_loopback(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    env = read_environment()
    assert env.database_url is None
    assert env.is_broker_embedded
    assert env.broker_url == f"redis+socket://{env.broker_socket}"
    assert env.http_bind == ("127.0.0.1", 8000)
    assert env.dicom_bind == ("127.0.0.1", 11112)
    assert env.storage == tmp_path / "hot"


def test_one_redis_serves_as_broker_too(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("REDIS_URL", "unix:///run/valkey.sock")
    env = read_environment()
    assert not env.is_broker_embedded
    assert env.broker_url == "redis+socket:///run/valkey.sock"


def test_a_deep_home_gets_a_socket_that_fits(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    environment.setenv("GANTRY_HOME", str(tmp_path / ("y" * 90)))
    assert len(os.fsencode(read_environment().broker_socket)) < 108


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("GANTRY_HTTP_BIND", "8000", "ADDRESS:PORT"),
        ("GANTRY_TRUSTED_PROXIES", "proxy.example", "IP addresses"),
        ("GANTRY_SIGN_IN_ATTEMPTS", "0", "from 1 to 100"),
        ("GANTRY_SIGN_IN_ATTEMPTS_PER_ADDRESS", "-1", "from 0 to 100000"),
        ("GANTRY_HSTS_DAYS", "year", "from 0 to 3650"),
        ("GANTRY_AUDIT_KEEP_DAYS", "-1", "from 0 to 36500"),
        ("GANTRY_LOCKOUT_MINUTES", "-1", "from 1 to 1440"),
        ("GANTRY_SESSION_IDLE_MINUTES", "0", "from 1 to 1440"),
        ("GANTRY_SESSION_HOURS", "169", "from 1 to 168"),
        ("GANTRY_SECOND_FACTOR", "sometimes", "one of optional, administrators, everyone"),
        ("GANTRY_AUDIT_SYSLOG", "udp://audit.example:514", "tls://HOST:PORT"),
        ("GANTRY_AUDIT_SYSLOG", "tls://audit.example", "tls://HOST:PORT"),
        ("GANTRY_AUDIT_SYSLOG_CERT", "cert.pem", "set both, or neither"),
        ("GANTRY_DICOM_BIND", "127.0.0.1:70000", "ADDRESS:PORT"),
        ("GANTRY_DICOM_BIND", "pacs.example:104", "ADDRESS:PORT"),
        ("GANTRY_AE_TITLE", "A TITLE THAT IS TOO LONG", "1 to 16"),
        ("GANTRY_AE_TITLE", "BACK\\SLASH", "1 to 16"),
        ("GANTRY_SCP_PROCESSES", "0", "from 1 to 64"),
        ("GANTRY_STABLE_SECONDS", "soon", "whole number"),
        ("GANTRY_HOT_COST_PER_GB_MONTH", "-1", "such as 0.023"),
        ("GANTRY_TIME_ZONE", "Somewhere/Else", "Europe/Zurich"),
        ("GANTRY_TIME_ZONE", "../etc/passwd", "Europe/Zurich"),
        ("GANTRY_NODE_NAME", "../north", "letters, digits"),
        ("GANTRY_LOG_LEVEL", "LOUD", "one of DEBUG"),
        ("DJANGO_DEBUG", "maybe", "on or off"),
        ("DATABASE_URL", "mysql://db/gantry", "postgres://"),
        ("GANTRY_HOME", "/proc/nowhere", "choose another folder"),
        ("GANTRY_DICOM_TLS_BIND", "0.0.0.0:2762", "needs a certificate"),
        ("GANTRY_TLS_CERT", "cert.pem", "set both, or neither"),
        ("GANTRY_TLS_KEY", "cert.key", "set both, or neither"),
        ("GANTRY_TLS_CA", "-----BEGIN CERTIFICATE-----", "the path of a PEM file"),
    ],
)
def test_a_bad_value_is_refused_in_words(environment: pytest.MonkeyPatch, name: str, value: str, words: str) -> None:
    environment.setenv(name, value)
    with pytest.raises(BadSetting, match=words):
        read_environment()


def test_a_bad_value_ends_a_command_with_one_sentence(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=BASE_DIR,
        env=os.environ | {"GANTRY_HOME": str(tmp_path), "GANTRY_SCP_PROCESSES": "many"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == (
        "Gantry cannot start: GANTRY_SCP_PROCESSES must be a whole number from 1 to 64, not 'many'.\n"
    )


def test_the_secret_key_is_made_once_and_private(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    first, second = read_environment().secret_key, read_environment().secret_key
    assert first == second
    assert len(first) > 40
    assert stat.S_IMODE((tmp_path / "secrets" / "secret_key").stat().st_mode) == 0o600
    assert {path.name for path in (tmp_path / "secrets").iterdir()} == {"secret_key", "encryption_keys", "audit_keys"}


def test_a_secret_may_come_from_a_file(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    secret = tmp_path / "key"
    secret.write_text("from-a-file")
    environment.setenv("DJANGO_SECRET_KEY_FILE", str(secret))
    assert read_environment().secret_key.strip() == "from-a-file"


class TestTls:
    @pytest.fixture
    def with_files(self, environment: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
        environment.setenv("GANTRY_TLS_CERT", "/etc/gantry/cert.pem")
        environment.setenv("GANTRY_TLS_KEY", "tls/cert.key")
        return environment

    def test_off_without_settings(self, environment: pytest.MonkeyPatch) -> None:
        env = read_environment()
        assert (env.dicom_tls_bind, env.tls_cert, env.tls_key, env.tls_ca) == (None, None, None, None)

    def test_paths_and_address(self, with_files: pytest.MonkeyPatch) -> None:
        with_files.setenv("GANTRY_DICOM_TLS_BIND", "0.0.0.0:2762")
        env = read_environment()
        assert env.dicom_tls_bind == ("0.0.0.0", 2762)  # noqa: S104
        assert env.tls_cert == Path("/etc/gantry/cert.pem")
        assert env.tls_key == BASE_DIR / "tls" / "cert.key"
        assert env.tls_ca is None

    @pytest.mark.parametrize(
        ("value", "words"), [("2762", "ADDRESS:PORT"), ("127.0.0.1:11112", "another port than GANTRY_DICOM_BIND")]
    )
    def test_an_address_that_cannot_be(self, with_files: pytest.MonkeyPatch, value: str, words: str) -> None:
        with_files.setenv("GANTRY_DICOM_TLS_BIND", value)
        with pytest.raises(BadSetting, match=words):
            read_environment()

    def test_a_file_variable_names_the_pem_or_a_file_with_its_path(
        self, with_files: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        pem, path = tmp_path / "ca.pem", tmp_path / "path"
        pem.write_text("-----BEGIN CERTIFICATE-----\n")
        path.write_text(f"{pem}\n")
        for file in (pem, path):
            with_files.setenv("GANTRY_TLS_CA_FILE", str(file))
            assert read_environment().tls_ca == pem


@pytest.mark.parametrize(
    ("value", "debug", "allowed"),
    [
        ("", "off", ()),
        ("0", "on", ()),
        ("1", "on", ("reject_all", "disk_full", "io_delay_ms", "random_fail_rate")),
        ("disk_full, io_delay_ms", "off", ("disk_full", "io_delay_ms")),
    ],
)
def test_faults_are_allowed_in_a_lab_or_by_name(
    environment: pytest.MonkeyPatch, value: str, debug: str, allowed: tuple[str, ...]
) -> None:
    environment.setenv("GANTRY_FAULTS", value)
    environment.setenv("DJANGO_DEBUG", debug)

    assert read_environment().faults == allowed


@pytest.mark.parametrize("value", ["1", "unplug", "disk_full,unplug"])
def test_faults_left_on_do_not_start(environment: pytest.MonkeyPatch, value: str) -> None:
    environment.setenv("GANTRY_FAULTS", value)

    with pytest.raises(BadSetting, match=r"^GANTRY_FAULTS"):
        read_environment()
