"""The client of docs/api-client.md against the whole product: every line of the page is run as it stands."""

import re
from pathlib import Path

import pytest

from gateway.env import BASE_DIR
from tests.journeys.product import product, wait_until
from tests.journeys.sender import write_instances

pytestmark = [pytest.mark.embedded, pytest.mark.journey, pytest.mark.timeout(600)]
PAGE = BASE_DIR / "docs" / "api-client.md"
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
INSTANCES = 3
_ACCOUNTS = """
from gateway.accounts.models import ApiKey, User
User.objects.create_user(username="jo", password="correct horse battery", role="viewer")
print(ApiKey.objects.create_key(name="client", scopes=["administrator"])[1])
"""


def code_of(page: Path) -> str:
    """All its Python, each line where it stands, so that an error names the line of the page."""
    text = page.read_text()
    lines = [""] * (text.count("\n") + 1)
    for block in BLOCK.finditer(text):
        first = text.count("\n", 0, block.start(1))
        for number, line in enumerate(block[1].splitlines()):
            lines[first + number] = line
    return "\n".join(lines)


def test_every_line_of_the_page_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sent = write_instances(tmp_path / "made", INSTANCES, studies=1)
    folders = {name: tmp_path / name for name in ("downloads", "research", "shelf")}
    for folder in folders.values():
        folder.mkdir()
    with product(tmp_path / "home", GANTRY_TIER_GRACE_SECONDS="1", GANTRY_STABLE_SECONDS="1") as running:
        running.start()
        key = running.run("shell", "--no-imports", "-c", _ACCOUNTS).stdout.strip().splitlines()[-1]
        for name, value in {
            "URL": f"http://127.0.0.1:{running.http_port}",
            "API_KEY": key,
            "USER": "jo",
            "PASSWORD": "correct horse battery",
            "FILES": tmp_path / "made",
            **{name.upper(): folder for name, folder in folders.items()},
        }.items():
            monkeypatch.setenv(f"GANTRY_{name}", str(value))

        exec(compile(code_of(PAGE), str(PAGE), "exec"), {"__name__": "page"})  # noqa: S102

        wait_until(lambda: len(list(folders["research"].rglob("*.dcm"))) == INSTANCES, 60)
        assert len(list(folders["downloads"].glob("*.dcm"))) == len(sent)
        assert len(list(folders["shelf"].rglob("*.tar"))) == 1
        assert running.count("SELECT count(*) FROM routing_delivery") == INSTANCES
