"""What a browser loads for the pages that are looked at first, all together, compressed as the server sends it."""

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


def test_first_load_is_light(administrator: Client) -> None:
    make_rows(8)
    pages = [Client().get("/sign-in/").content, *(administrator.get(path).content for path in ("/", "/studies/"))]

    names = {name for page in pages for name in NAMED.findall(page.decode())}
    files = [Path(str(finders.find(name))) for name in sorted(names)]
    total = sum(len(gzip.compress(each)) for each in (*pages, *(file.read_bytes() for file in files)))

    assert len(files) > 10  # the style sheets and scripts are counted
    assert total <= MOST_BYTES
