"""OHIF as it is installed and served: trimmed, moved to /ohif/, without inline script, and a notice where it is not."""

import io
import tarfile
from pathlib import Path

import pytest
from django.test import Client

from gateway.env import Environment
from gateway.viewer import ohif_install
from gateway.viewer.ohif_install import CannotInstall, check, move, page_and_boot, unpack
from tests.factories import SpanningConfigFactory

pytestmark = pytest.mark.django_db
PAGE = (
    '<!doctype html><html><head><script>console.time("x"),window.PUBLIC_URL="/"</script>'
    '<link rel="manifest" href="/manifest.json"><link rel="icon" href="/assets/favicon.ico">'
    '<script rel="preload" as="script" src="/app-config.js"></script>'
    '<script rel="preload" as="script" type="module" src="/init-service-worker.js"></script>'
    '<script>function browserImportFunction(n){return import(n)}</script>'
    '<script defer src="/app.bundle.0123456789abcdef.js"></script></head><body><div id="root"></div></body></html>'
)  # fmt: skip


@pytest.fixture
def installed(home: Environment, tmp_path: Path) -> Path:
    """A package in small, unpacked and moved as the real one is."""
    archive = tmp_path / "app.tgz"
    with tarfile.open(archive, "w:gz") as package:
        for name, data in {
            "package/package.json": b"{}",
            "package/dist/index.html": PAGE.encode(),
            "package/dist/app.bundle.0123456789abcdef.js": b'__webpack_require__.p = "/";' + b" " * 20_000,
            "package/dist/app.bundle.css": b"@font-face{src:url(/a.woff2)}",
            "package/dist/codec.wasm": b"\0asm",
            "package/dist/app.bundle.js.map": b"map",
            "package/dist/ort/large.wasm": b"large",
            "package/dist/sw.js": b"worker",
            "package/dist/../../outside.js": b"outside",
            "/package/dist/absolute.js": b"absolute",
        }.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            package.addfile(info, io.BytesIO(data))
    target = home.home / "ohif"
    unpack(archive, target)
    move(target)
    return target


def test_what_is_not_used_stays_out_and_nothing_lands_outside(installed: Path, tmp_path: Path) -> None:
    names = {str(path.relative_to(installed)) for path in installed.rglob("*") if path.is_file()}

    assert names == {
        "index.html", "boot.js", "app-config.js", "app.bundle.css", "codec.wasm",
        "app.bundle.0123456789abcdef.js", "app.bundle.0123456789abcdef.js.gz",
    }  # fmt: skip
    assert not list(tmp_path.rglob("outside.js"))


def test_page_has_no_inline_script_and_every_address_is_under_its_root() -> None:
    page, boot = page_and_boot(PAGE)

    assert "<script>" not in page
    assert page.index("/ohif/boot.js") < page.index("/ohif/app-config.js") < page.index("/ohif/app.bundle")
    assert 'href="/ohif/assets/favicon.ico"' in page
    assert "manifest" not in page
    assert "service-worker" not in page
    assert 'PUBLIC_URL="/ohif/"' in boot
    assert "browserImportFunction" in boot


@pytest.mark.usefixtures("installed")
def test_files_and_routes_are_served_each_with_its_policy(viewer: Client) -> None:
    for route in ("/ohif/", "/ohif/viewer?StudyInstanceUIDs=1.2", "/ohif/segmentation/any"):
        answer = viewer.get(route)
        assert answer.content.startswith(b"<!doctype html>")
        assert "script-src 'self' 'wasm-unsafe-eval'" in answer.headers["Content-Security-Policy"]
        assert "object-src 'self';" in f"{answer.headers['Content-Security-Policy']};"  # PDFs; beside 'none' it is void
    script, _ = fetched(viewer, "/ohif/app.bundle.0123456789abcdef.js")
    assert script["Content-Encoding"] == "gzip"
    assert "immutable" in script["Cache-Control"]
    assert "Content-Security-Policy" not in script
    codec, _ = fetched(viewer, "/ohif/codec.wasm")
    assert codec["Content-Type"] == "application/wasm"
    _, style = fetched(viewer, "/ohif/app.bundle.css")
    assert b"/ohif/a.woff2" in style


def fetched(client: Client, path: str) -> tuple[dict[str, str], bytes]:
    answer = client.get(path, headers={"Accept-Encoding": "gzip"})
    content = b"".join(answer.streaming_content)  # type: ignore[attr-defined]
    return dict(answer.headers), content


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("path", ["../db.sqlite3", "..%2f..%2fetc/passwd.txt", "missing.js", "a%00.js", ".."])
def test_other_files_are_not_served(path: str, viewer: Client) -> None:
    assert viewer.get(f"/ohif/{path}").status_code == 404


@pytest.mark.usefixtures("installed")
def test_federations_that_may_be_asked_are_sources_of_its(viewer: Client) -> None:
    config = SpanningConfigFactory.create(name="all.sites")
    SpanningConfigFactory.create(name="resting", is_enabled=False)

    answer = viewer.get("/ohif/app-config.js")

    script = answer.content.decode()
    assert script.startswith("window.config = {")
    assert f'[["span-{config.pk}", "all.sites"]]' in script
    assert "resting" not in script
    assert answer["Cache-Control"] == "private, no-cache"


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("path", ["", "viewer", "app-config.js"])
def test_absent_it_says_so(path: str, viewer: Client) -> None:
    answer = viewer.get(f"/ohif/{path}")

    assert answer.status_code == 404
    assert "make ohif" in answer.content.decode()


def test_another_package_is_not_installed(tmp_path: Path) -> None:
    (tmp_path / "app.tgz").write_bytes(b"something else")

    with pytest.raises(CannotInstall):
        check(tmp_path / "app.tgz")
    assert ohif_install.INTEGRITY.startswith("sha512-")
