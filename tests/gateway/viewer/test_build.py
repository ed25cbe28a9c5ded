"""What the build does where Node.js, npm or the network is missing: one sentence, and no viewer."""

import stat
from pathlib import Path

import pytest

from gateway.viewer import build, bundle, node


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Sources and a place for bundles of the test's own."""
    folder = tmp_path / "js"
    (folder / "src").mkdir(parents=True)
    (folder / "node_modules").mkdir()
    for name in ("package-lock.json", "build.mjs", "src/main.js"):
        (folder / name).write_text(name)
    for module in (build, bundle):
        monkeypatch.setattr(module, "SOURCES", folder)
        monkeypatch.setattr(module, "TARGET", tmp_path / "static" / "viewer")
    return folder


def program(path: Path, text: str) -> str:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def use(monkeypatch: pytest.MonkeyPatch, folder: Path, *, npm: str, builder: str) -> None:
    found = node.Node(program(folder / "node", builder), (program(folder / "npm", npm),))
    monkeypatch.setattr(build, "fetch_node", lambda _: found)


def test_it_builds_once_and_again_when_a_source_changed(
    sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(
        monkeypatch,
        tmp_path,
        npm=f"echo x >> {tmp_path}/npm-runs",
        builder='mkdir -p "$2" && echo built > "$2/main.js"',
    )
    said: list[str] = []

    assert build.build_missing(said.append)
    assert build.build_missing(said.append)
    assert bundle.is_built()
    first = bundle.folder(bundle.source_digest())
    (sources / "src" / "main.js").write_text("another")
    assert build.build_missing(said.append)

    assert [path.name for path in (tmp_path / "static" / "viewer").iterdir()] == [bundle.source_digest()]
    assert not first.exists()
    assert (tmp_path / "npm-runs").read_text() == "x\n"  # the lock file did not change


@pytest.mark.usefixtures("sources")
@pytest.mark.parametrize(
    ("npm", "builder", "words"),
    [
        ("echo 'npm ERR! network getaddrinfo ENOTFOUND' >&2; exit 1", "true", "ENOTFOUND"),
        ("true", "echo 'error: no such module'; exit 1", "no such module"),
        ("exit 127", "true", "127"),
    ],
)
def test_what_cannot_be_had_is_one_sentence(
    npm: str, builder: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, tmp_path, npm=npm, builder=builder)
    said: list[str] = []

    assert not build.build_missing(said.append)

    assert words in said[-1]
    assert said[-1].startswith("Gantry runs without the built-in viewer")
    assert "\n" not in said[-1]
    assert not bundle.is_built()
    assert not list((tmp_path / "static" / "viewer").glob("*")) if (tmp_path / "static").exists() else True


@pytest.mark.usefixtures("sources")
def test_without_node_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "fetch_node", lambda _: None)
    said: list[str] = []

    assert not build.build_missing(said.append)

    assert "Node.js 20.19 or newer is missing" in said[-1]


@pytest.mark.parametrize(
    ("version", "is_taken"), [("v20.19.0", True), ("v24.1.0", True), ("v18.20.4", False), ("?", False)]
)
def test_node_of_the_machine_is_taken_when_it_is_new_enough(
    version: str, is_taken: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    program(folder / "node", f"echo '{version}'")
    program(folder / "npm", "true")
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")

    found = node.find_node(tmp_path)

    assert (found is not None) == is_taken
