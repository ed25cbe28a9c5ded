"""The example of docs/configuration.md, as it stands there."""

import re
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command

from gateway.configuration.export import export
from gateway.env import BASE_DIR
from tests.gateway.configuration.whole import load

pytestmark = pytest.mark.django_db


def test_the_example_does_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = re.findall(
        r"^```\w*\n(.*?)^```$", (BASE_DIR / "docs/configuration.md").read_text(), re.DOTALL | re.MULTILINE
    )
    document, said = blocks[:2]
    monkeypatch.setenv("GANTRY_DEST_CLOUD_ARCHIVE_PASSWORD", "geheim")
    file, out = tmp_path / "gantry.yaml", StringIO()
    file.write_text(document)

    call_command("importconfig", str(file), "--dry-run", stdout=out)
    assert out.getvalue() == said
    call_command("importconfig", str(file), stdout=out)

    assert "name: GANTRY_DEST_CLOUD_ARCHIVE_PASSWORD" in export(secrets="env")
    assert load(document).changes == []
