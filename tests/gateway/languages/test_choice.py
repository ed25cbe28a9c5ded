"""In which language pages are answered, and that programs are answered in English whatever they ask for."""

from collections.abc import Callable

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse
from django.utils import translation

from dicomnet.audit import Action
from dicomnet.models import AllowlistEntry
from gateway.accounts.models import User
from gateway.audit.models import AuditRecord
from tests.factories import StudyFactory, UserFactory

pytestmark = pytest.mark.django_db

SPANISH, ENGLISH = "Mi cuenta", "My account"
ASKS_FOR_SPANISH = {"accept-language": "es-ES,es;q=0.9,en;q=0.5"}


@pytest.fixture
def person() -> User:
    return UserFactory.create(role="administrator")


@pytest.fixture
def client(person: User) -> Client:
    found = Client()
    found.force_login(person)
    return found


@pytest.mark.parametrize(
    ("own", "cookie", "asked", "language"),
    [
        ("", "", "", "en"),
        ("", "", "es-ES,es;q=0.9", "es"),
        ("", "", "fr,es;q=0.5,en;q=0.1", "es"),
        ("", "", "fr", "en"),
        ("", "", "*;q=x,\x7f", "en"),
        ("", "es", "en", "es"),
        ("", "no-such", "es", "es"),
        ("en", "es", "es", "en"),
        ("es", "en", "en", "es"),
        ("xx", "", "es", "es"),
    ],
)
def test_page_is_in_the_language_that_counts_most(
    client: Client, person: User, own: str, cookie: str, asked: str, language: str
) -> None:
    User.objects.filter(pk=person.pk).update(language=own)
    if cookie:
        client.cookies[settings.LANGUAGE_COOKIE_NAME] = cookie

    answer = client.get("/account/", headers={"accept-language": asked} if asked else None)

    page = answer.content.decode()
    assert f'<html lang="{language}">' in page
    assert (SPANISH in page, ENGLISH in page) == ((True, False) if language == "es" else (False, True))
    assert answer["Content-Language"] == language
    assert "Accept-Language" in answer["Vary"]
    assert translation.get_language() == "en"


def test_choice_is_kept_with_the_person_and_in_the_browser(client: Client, person: User) -> None:
    answer = client.post("/language/", {"language": "es", "next": "/studies/?q=1"})

    assert (answer.status_code, answer["Location"]) == (302, "/studies/?q=1")
    person.refresh_from_db()
    assert person.language == "es"
    assert client.cookies[settings.LANGUAGE_COOKIE_NAME].value == "es"
    assert SPANISH in client.get("/account/").content.decode()


def test_choice_can_be_left_to_the_browser(client: Client, person: User) -> None:
    client.post("/language/", {"language": "es"})
    client.post("/language/", {"language": ""})

    person.refresh_from_db()
    assert person.language == ""
    assert ENGLISH in client.get("/account/").content.decode()
    assert SPANISH in client.get("/account/", headers=ASKS_FOR_SPANISH).content.decode()


def test_who_is_not_signed_in_chooses_too() -> None:
    browser = Client()
    browser.post("/language/", {"language": "es", "next": "/sign-in/"})

    answer = browser.get("/sign-in/")
    wrong = browser.post("/sign-in/", {"username": "nobody", "password": "no"})

    assert "Contraseña" in answer.content.decode()
    assert "no se corresponden" in wrong.content.decode()


@pytest.mark.parametrize("page", ["https://example.org/", "//example.org", "javascript:alert(1)", ""])
def test_switch_leads_nowhere_else(client: Client, page: str) -> None:
    assert client.post("/language/", {"language": "es", "next": page})["Location"] == "/"


def test_language_that_is_none_of_ours_is_refused(client: Client, person: User) -> None:
    assert client.post("/language/", {"language": "xx"}).status_code == 400
    assert client.get("/language/").status_code == 405
    person.refresh_from_db()
    assert person.language == ""


def test_pages_of_errors_are_in_the_language_too(client: Client) -> None:
    viewer = Client()
    viewer.force_login(UserFactory.create(role="viewer", language="es"))

    assert "Aquí no hay nada" in client.get("/no-such/", headers=ASKS_FOR_SPANISH).content.decode()
    assert "Su rol no permite esto" in viewer.get("/users/").content.decode()


def _form_error(client: Client) -> bytes:
    return client.post(
        "/api/v1/allowlist/", {"port": "x"}, content_type="application/json", headers=ASKS_FOR_SPANISH
    ).content


def _missing(client: Client) -> bytes:
    return client.get("/api/v1/studies/1.2.3/", headers=ASKS_FOR_SPANISH).content


def _dicomweb(client: Client) -> bytes:
    return client.get("/dicom-web/studies?NoSuchAttribute=1", headers=ASKS_FOR_SPANISH).content


def _schema(client: Client) -> bytes:
    return client.get("/api/v1/schema/", headers=ASKS_FOR_SPANISH).content


def _ready(client: Client) -> bytes:
    return client.get("/readyz", headers=ASKS_FOR_SPANISH).content


@pytest.mark.parametrize("ask", [_form_error, _missing, _dicomweb, _schema, _ready])
def test_programs_are_answered_in_english(client: Client, person: User, ask: Callable[[Client], bytes]) -> None:
    in_english = ask(client)
    User.objects.filter(pk=person.pk).update(language="es")

    assert ask(client) == in_english
    assert b"ya existe" not in in_english
    assert b"obligatorio" not in in_english


def test_numbers_are_written_as_the_language_writes_them(client: Client) -> None:
    StudyFactory.create(number_of_study_related_instances=12_345, size_bytes=1_500_000)
    address = f"{reverse('study-list')}?view=all"

    english, spanish = client.get(address), client.get(address, headers=ASKS_FOR_SPANISH)

    assert "12,345" in english.content.decode()
    assert "12\N{NO-BREAK SPACE}345" in spanish.content.decode()


def test_no_decimal_comma_gets_into_a_drawing(client: Client) -> None:
    StudyFactory.create()
    page = client.get("/", headers=ASKS_FOR_SPANISH).content.decode()

    assert "<rect" in page
    assert ' x="0,8"' not in page
    assert ' x="0.8"' in page


def test_records_of_the_audit_trail_stay_english(client: Client) -> None:
    given = {"calling_ae_title": "CT1", "network": "10.1.2.0/24", "may_echo": "on"}

    client.post("/allowlist/new/", given, headers=ASKS_FOR_SPANISH)

    subjects = AuditRecord.objects.filter(action=Action.CREATED).values_list("subject", flat=True)
    entry = AllowlistEntry.objects.get(calling_ae_title="CT1")
    assert f"allowlist entry {entry.pk}: CT1 from 10.1.2.0/24" in set(subjects)
