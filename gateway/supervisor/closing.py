"""The last lines that a start prints: where everything is, and how to sign in."""

from dataclasses import dataclass
from pathlib import Path

from gateway.env import Environment

READY = "Gantry is ready"


@dataclass(frozen=True)
class SignIn:
    """The administrator that a person can sign in as.

    Attributes:
        password: Only when it was made just now.
        password_file: Where a made password is kept; None when the installation gave its own.
    """

    username: str
    password: str | None
    password_file: Path | None


def closing_text(environment: Environment, sign_in: SignIn | None) -> str:
    """All that the person at the terminal needs next; ends with exactly ``Gantry is ready``."""
    base = f"http://{_address(environment.http_bind)}"
    host, port = environment.dicom_bind
    lines = [
        "",
        f"  Portal   {base}/",
        f"  API      {base}/api/v1/  (pages: {base}/api/v1/docs/)",
        f"  DICOM    AE title {environment.ae_title}, host {host}, port {port}",
        *_tls_lines(environment),
        f"  Logs     {environment.log_dir}",
        *_sign_in_lines(sign_in),
        "  Stop     Ctrl-C",
        "",
        READY,
    ]
    return "\n".join(lines)


def _tls_lines(environment: Environment) -> list[str]:
    if environment.dicom_tls_bind is None:
        return []
    host, port = environment.dicom_tls_bind
    callers = "callers show a certificate" if environment.tls_ca else "callers need no certificate"
    return [f"           over TLS: host {host}, port {port} ({callers})"]


def _sign_in_lines(sign_in: SignIn | None) -> list[str]:
    if sign_in is None:
        return ["  Sign in  with a user of this installation"]
    if sign_in.password is not None:
        return [
            f"  Sign in  {sign_in.username} / {sign_in.password}",
            f"           shown this once; kept in {sign_in.password_file}",
        ]
    if sign_in.password_file is not None:
        return [f"  Sign in  {sign_in.username}, the first password is kept in {sign_in.password_file}"]
    return [f"  Sign in  {sign_in.username}, with the password it was given"]


def _address(bind: tuple[str, int]) -> str:
    host, port = bind
    # A browser cannot open the address that means "every address".
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
