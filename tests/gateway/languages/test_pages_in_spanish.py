"""Every page in Spanish: it is there, it says its language, and no number of a drawing or a field has a comma."""

import re

import pytest
from django.test import Client

from tests.factories import UserFactory
from tests.gateway.portal.pages import make_rows

pytestmark = [pytest.mark.django_db, pytest.mark.embedded]

# Numbers that browsers read: a decimal comma would break them.
READ_BY_BROWSERS = re.compile(
    r"\s(?:x|y|x1|x2|y1|y2|cx|cy|r|d|points|width|height|value|min|max|low|high|optimum|step|viewBox)=\"[-\d\s.MLHVhvlz]*\d,\d[^\"]*\""
)


def test_pages_are_whole_in_spanish() -> None:
    person = UserFactory.create(role="administrator", language="es")
    client = Client()
    client.force_login(person)
    rows = make_rows()
    session = client.session
    session["password_at"] = 2**33  # given just now, for pages that ask again
    session.save()

    wrong = {}
    for name, address in rows.addresses().items():
        answer = client.get(address)
        page = answer.content.decode()
        is_other = "<html" in page and '<html lang="es">' not in page
        if answer.status_code not in {200, 302, 503} or is_other:
            wrong[name] = f"{answer.status_code} {page[:80]}"
        elif found := READ_BY_BROWSERS.findall(page):
            wrong[name] = found[0]

    assert wrong == {}
