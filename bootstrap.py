"""Set up Gantry and, for ``run``, start it: ``python3 bootstrap.py run`` or ``python3 bootstrap.py dev``.

Runs on the system's Python before anything is installed, so it uses the standard library only, and no syntax
that an older Python could not read: that one must still be able to say what is missing.
"""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
LEAST_PYTHON = (3, 11)
# The first of these is the one that the lock files were made on.
NEWER_PYTHONS = ("python3.11", "python3.12", "python3.13", "python3.14")
LOCKS = {"run": "base.txt", "dev": "dev.txt"}
_PIP_TAIL_LINES = 15
_VERSION_CODE = "import sys; print('%d.%d' % sys.version_info[:2])"


class SetUpError(Exception):
    """The set-up cannot go on; the message is one sentence that says what to do."""


def main(arguments: "list[str]") -> None:
    """Set up what the given target needs; ``run`` becomes the product."""
    if len(arguments) != 1 or arguments[0] not in LOCKS:
        sys.exit("usage: python3 bootstrap.py run|dev")
    target = arguments[0]
    try:
        newer = newer_python(sys.version_info[:2])
        if newer is not None:
            os.execv(newer, [newer, str(Path(__file__).resolve()), target])  # noqa: S606 (no shell is meant)
        set_up(target, ROOT)
        if target == "run":
            build_viewer(ROOT)
    except SetUpError as error:
        sys.exit(f"Gantry cannot be set up: {error}")
    except OSError as error:
        sys.exit(f"Gantry cannot be set up: {error.filename or ROOT}: {error.strerror}.")
    except KeyboardInterrupt:
        sys.exit("Gantry cannot be set up: interrupted; the next start goes on where this one ended.")
    if target == "run":
        python = str(venv_python(ROOT))
        os.chdir(ROOT)
        os.execv(python, [python, str(ROOT / "manage.py"), "supervise"])  # noqa: S606 (as above)


def newer_python(version: "tuple[int, ...]") -> "str | None":
    """Another Python to go on with, None when this one is new enough.

    Raises:
        SetUpError: there is none on PATH.
    """
    if tuple(version) >= LEAST_PYTHON:
        return None
    for name in NEWER_PYTHONS:
        path = shutil.which(name)
        # A version manager puts a name on PATH for versions that it has not got: ask it.
        if path and python_version(path) == name[len("python") :]:
            return path
    found = "{}.{}".format(*version)
    raise SetUpError(f"Python 3.11 or newer is needed, this is {found}; install one, on PATH as python3.11.")


def python_version(executable: "str | Path") -> "str | None":
    """``3.11`` and so on as this interpreter says it, None when it does not run."""
    try:
        command = [str(executable), "-c", _VERSION_CODE]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    except OSError:
        return None
    return done.stdout.decode().strip() if done.returncode == 0 else None


def set_up(target: str, root: Path) -> None:
    """Make ``.venv`` and install the lock file of this target, unless both are as they should be.

    Raises:
        SetUpError: it could not be done.
    """
    # The lock goes with this process: two commands typed at once set up one after the other.
    with Path(__file__).open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not is_installed(target, root):
            make_venv(root)
            install(target, root)


def build_viewer(root: Path) -> None:
    """Have the viewer built unless it is; what cannot be had is said there, and stops nothing."""
    command = [str(venv_python(root)), "-m", "gateway.viewer.build"]
    subprocess.run(command, cwd=str(root), stdin=subprocess.DEVNULL, check=False)


def venv_python(root: Path) -> Path:
    """The interpreter of the virtual environment."""
    return root / ".venv" / "bin" / "python"


def _stamp(root: Path) -> Path:
    return root / ".venv" / "gantry-installed.json"


def _in_progress(root: Path) -> Path:
    return root / ".venv" / "gantry-installing"


def lock_digest(target: str, root: Path) -> str:
    """SHA-256 of the target's lock file."""
    return hashlib.sha256((root / "requirements" / LOCKS[target]).read_bytes()).hexdigest()


def is_installed(target: str, root: Path) -> bool:
    """Whether ``.venv`` holds exactly what the lock file says; touches no network.

    The development packages include those of the product, so an installation of them serves ``run`` as well
    while the product's own lock file is the one that it was made with.
    """
    try:
        stamp = json.loads(_stamp(root).read_text())
    except (OSError, ValueError):
        return False
    return (
        isinstance(stamp, dict)
        and stamp.get(target) == lock_digest(target, root)
        and stamp.get("python") == python_version(venv_python(root))
        and not _in_progress(root).exists()
    )


def make_venv(root: Path) -> None:
    """Make ``.venv`` anew unless it is whole.

    Raises:
        SetUpError: this Python has no venv and it may not be installed.
    """
    venv = root / ".venv"
    was_cut_off = _in_progress(root).exists()
    if not was_cut_off and _has_pip(venv_python(root)):
        return
    _need_ensurepip()
    print(f"Making the virtual environment in {venv} ...", flush=True)
    done = subprocess.run(
        [sys.executable, "-m", "venv", "--clear", str(venv)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    if done.returncode != 0:
        print(done.stdout.decode(errors="replace"), end="")
        raise SetUpError("the virtual environment could not be made, see above; remove .venv and try again.")


def _has_pip(python: Path) -> bool:
    if python_version(python) is None:
        return False
    return _runs([str(python), "-c", "import pip._internal"])


def _need_ensurepip() -> None:
    if _has_ensurepip():
        return
    package = "python{}.{}-venv".format(*sys.version_info[:2])
    line = f"apt-get update && apt-get install -y {package}"
    if os.geteuid() == 0 and shutil.which("apt-get"):
        print(f"Installing {package} ...", flush=True)
        environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
        for command in (["apt-get", "update", "-q"], ["apt-get", "install", "-y", "-q", package]):
            subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=False)
        if _has_ensurepip():
            return
    raise SetUpError(f"this Python cannot make virtual environments; as root type: {line}")


def _has_ensurepip() -> bool:
    # Asked of a fresh interpreter: this one remembers what was missing when it started.
    return _runs([sys.executable, "-c", "import ensurepip, venv"])


def _runs(command: "list[str]") -> bool:
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    return done.returncode == 0


def install(target: str, root: Path) -> None:
    """Install the target's lock file, and write down what was installed.

    Raises:
        SetUpError: pip failed; nothing is written down, so the next start tries again.
    """
    lock = root / "requirements" / LOCKS[target]
    print(f"Installing the packages of requirements/{lock.name} (a minute or two) ...", flush=True)
    _stamp(root).unlink(missing_ok=True)
    # Stays behind when this is killed: what pip leaves half written looks whole to the next pip.
    _in_progress(root).touch()
    command = [str(venv_python(root)), "-m", "pip", "--disable-pip-version-check", "--no-input", "install"]
    command += ["--require-hashes", "--progress-bar", "off", "-r", str(lock)]
    pip = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    if pip.returncode != 0:
        output = pip.stdout.decode(errors="replace")
        print("\n".join(output.splitlines()[-_PIP_TAIL_LINES:]), flush=True)
        if "Installing collected packages" not in output:
            # It failed before it changed anything, so the environment need not be made anew.
            _in_progress(root).unlink()
        raise SetUpError("pip could not install the packages; its last lines are above.")
    _write_stamp(target, root)
    _in_progress(root).unlink()


def _write_stamp(target: str, root: Path) -> None:
    stamp = {"python": python_version(venv_python(root)), target: lock_digest(target, root)}
    if target == "dev":
        stamp["run"] = lock_digest("run", root)
    fresh = _stamp(root).with_suffix(".new")
    fresh.write_text(json.dumps(stamp))
    fresh.replace(_stamp(root))


if __name__ == "__main__":
    main(sys.argv[1:])
