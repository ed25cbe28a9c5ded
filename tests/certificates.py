"""A CA, and certificates that it or nobody signed, made with openssl."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256")


@dataclass(frozen=True)
class Issued:
    """A certificate and its key, as PEM files."""

    cert: Path
    key: Path

    @property
    def fingerprint(self) -> str:
        """SHA-256, as openssl prints it: pairs of digits with colons."""
        printed = openssl("x509", "-noout", "-fingerprint", "-sha256", "-in", str(self.cert))
        return printed.strip().partition("=")[2]


@dataclass(frozen=True)
class Authority:
    """A CA of the test's own."""

    folder: Path
    name: str
    cert: Path
    key: Path

    def issue(
        self,
        common_name: str,
        *,
        names: str = "DNS:localhost,IP:127.0.0.1",
        days: int = 30,
        usage: str = "serverAuth,clientAuth",
        new_key: tuple[str, ...] = CURVE,
    ) -> Issued:
        """A certificate; ``names`` are its subject alternative names, and without any it has none."""
        stem = f"{self.name}-{common_name}-{len(list(self.folder.iterdir()))}"
        cert, key, request = (self.folder / f"{stem}.{ending}" for ending in ("pem", "key", "csr"))
        extensions = self.folder / f"{stem}.ext"
        lines = [f"extendedKeyUsage={usage}"] + ([f"subjectAltName={names}"] if names else [])
        extensions.write_text("\n".join(lines))
        subject = ("-subj", f"/CN={common_name}")
        openssl("req", "-new", *new_key, "-nodes", "-keyout", str(key), "-out", str(request), *subject)
        signed_by = ("-CA", str(self.cert), "-CAkey", str(self.key), "-CAcreateserial")
        until = ("-days", str(days), "-extfile", str(extensions))
        openssl("x509", "-req", "-in", str(request), *signed_by, *until, "-out", str(cert))
        return Issued(cert, key)


def authority(folder: Path, name: str = "Test CA", *, days: int = 30) -> Authority:
    """A new CA whose files are in this folder."""
    cert, key = folder / f"{name}.pem", folder / f"{name}.key"
    request, extensions = folder / f"{name}.csr", folder / f"{name}.ext"
    extensions.write_text("basicConstraints=critical,CA:TRUE\nsubjectKeyIdentifier=hash")
    openssl("req", "-new", *CURVE, "-nodes", "-keyout", str(key), "-out", str(request), "-subj", f"/CN={name}")
    until = ("-days", str(days), "-extfile", str(extensions))  # "req -x509" would take no day that has passed
    openssl("x509", "-req", "-in", str(request), "-signkey", str(key), *until, "-out", str(cert))
    return Authority(folder, name, cert, key)


def openssl(*arguments: str) -> str:
    """What openssl prints; it must succeed."""
    return subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=True).stdout
