"""What a browser loads for the pages that are looked at first, compressed as the server sends it."""

import gzip
import re
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders
from django.test import Client

from tests.gateway.portal.pages import make_rows

pytestmark = [pytest.mark.django_db, pytest.mark.embedded]
MOST_BYTES = 300_000
NAMED = re.compile(r'(?:src|href)="/static/([^"#?]+)')


@pytest.mark.parametrize("address", ["/", "/studies/"])
def test_first_load_is_light(address: str, administrator: Client) -> None:
    make_rows(8)
    page = administrator.get(address).content

    files = [Path(str(finders.find(name))) for name in sorted(set(NAMED.findall(page.decode())))]
    total = len(gzip.compress(page)) + sum(len(gzip.compress(file.read_bytes())) for file in files)

    assert len(files) > 10  # the style sheets and scripts are counted
    assert total <= MOST_BYTES
