"""Pages and API of webhooks: secrets are shown once, and what is done is on record."""

import re
from collections.abc import Callable

import pytest
import yaml
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

from dicomnet.web.secrets import unseal
from gateway.audit.models import AuditRecord
from gateway.env import BASE_DIR
from gateway.webhooks.models import FeedMark, Webhook, WebhookDelivery
from gateway.webhooks.send import drive
from tests.api_clients import V1, client_of
from tests.factories import UserFactory, WebhookDeliveryFactory, WebhookFactory
from tests.http_peer import HttpPeer, Reply

pytestmark = pytest.mark.django_db
Receiver = Callable[..., HttpPeer]
GIVEN = {"name": "RIS", "url": "https://ris.example/in", "events": ["study.deleted", "study.completed"]}
RULES = BASE_DIR / "deploy" / "prometheus" / "gantry-webhooks.rules.yml"


@pytest.fixture
def administrator() -> Client:
    client = Client()
    client.force_login(UserFactory.create(role="administrator"))
    return client


def test_a_webhook_by_the_api() -> None:
    api = client_of("administrator")

    made = api.post(f"{V1}/webhooks", GIVEN, format="json")
    webhook = Webhook.objects.get()
    changed = api.patch(f"{V1}/webhooks/{webhook.pk}", {"includes_patient": True}, format="json")
    rotated = api.post(f"{V1}/webhooks/{webhook.pk}/rotate-secret").json()["secret"]

    assert made.status_code == 201, made.json()
    secret = made.json()["secret"]
    assert made.json()["events"] == ["study.completed", "study.deleted"]
    assert (made.json()["state"], made.json()["includes_patient"]) == ("unknown", False)
    assert (changed.status_code, changed.json()["includes_patient"]) == (200, True)
    assert "secret" not in changed.json()
    webhook.refresh_from_db()
    assert secret != rotated
    assert unseal(webhook.former_secret, place="webhook") == secret
    assert unseal(webhook.secret, place="webhook") == rotated
    assert FeedMark.objects.count() == 2
    records = list(AuditRecord.objects.filter(subject__contains="webhook").order_by("pk"))
    assert [record.action for record in records] == ["created", "changed", "changed"]
    assert not any(word in str(record.detail) for record in records for word in (secret, rotated, webhook.secret))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("url", "http://169.254.169.254/latest/meta-data"),
        ("url", "https://ris.example/in?key=1"),
        ("url", "http://8.8.8.8/"),
        ("events", []),
        ("events", ["study.received"]),
        ("secret", "whsec_AAAA"),
    ],
)
def test_what_is_refused(field: str, value: object) -> None:
    answer = client_of("administrator").post(f"{V1}/webhooks", GIVEN | {field: value}, format="json")

    assert answer.status_code == 400
    assert field in answer.json()["errors"]
    assert not Webhook.objects.exists()


def test_a_test_shows_the_answer_and_keeps_nothing_of_it(receiver: Receiver, administrator: Client) -> None:
    peer = receiver(lambda _: Reply(418, b"<b>short</b> and stout"))
    webhook = WebhookFactory.create(url=peer.url)

    answer = client_of("administrator").post(f"{V1}/webhooks/{webhook.pk}/test").json()
    page = administrator.post(f"/webhooks/{webhook.pk}/test/", headers={"HX-Request": "true"}).content.decode()

    assert (answer["is_alive"], answer["status"], answer["text"]) == (False, 418, "<b>short</b> and stout")
    assert "HTTP 418" in page
    assert "&lt;b&gt;short&lt;/b&gt; and stout" in page
    assert b'"type":"webhook.test"' in peer.requests[0].body
    assert not WebhookDelivery.objects.exists()


def test_messages_by_the_api() -> None:
    api = client_of("administrator")
    webhook = WebhookFactory.create()
    dead = [WebhookDeliveryFactory.create(webhook=webhook, state="dead") for _ in range(3)]
    done = WebhookDeliveryFactory.create(webhook=webhook, state="delivered", event="study.deleted")
    other = WebhookDeliveryFactory.create(state="dead")
    at = f"{V1}/webhooks/{webhook.pk}/deliveries"

    assert api.get(at).json()["count"] == 4
    assert [row["id"] for row in api.get(f"{at}?event=study.deleted").json()["results"]] == [done.pk]
    assert api.post(f"{at}/{dead[0].pk}/retry").json()["state"] == "pending"
    assert api.post(f"{at}/{done.pk}/retry").status_code == 409
    assert api.post(f"{at}/{other.pk}/retry").status_code == 404
    assert api.post(f"{at}/retry").json() == {"deliveries": 2}
    assert api.get(f"{at}?state=dead").json()["count"] == 0
    other.refresh_from_db()
    assert other.state == "dead"


def test_a_webhook_on_the_pages(administrator: Client, receiver: Receiver) -> None:
    made = administrator.post("/webhooks/new/", GIVEN | {"is_enabled": "on"}).content.decode()
    webhook = Webhook.objects.get()
    (secret,) = set(re.findall(r"whsec_[A-Za-z0-9+/=]+", made))

    assert unseal(webhook.secret, place="webhook") == secret
    assert secret not in administrator.get(f"/webhooks/{webhook.pk}/").content.decode()
    refused = administrator.post(f"/webhooks/{webhook.pk}/edit/", GIVEN | {"url": "http://127.1/"}).content.decode()
    assert "Write an address as four numbers" in refused
    administrator.post(f"/webhooks/{webhook.pk}/edit/", GIVEN | {"url": receiver().url, "is_enabled": "on"})
    delivery = WebhookDeliveryFactory.create(webhook=webhook, state="dead")
    answer = administrator.post(f"/webhooks/{webhook.pk}/retry/", {"tab": "dead"}, follow=True).content.decode()
    assert "1 message will be tried now." in answer
    drive(webhook.pk, 60)
    delivery.refresh_from_db()
    assert delivery.state == "delivered"
    assert "whsec_" in administrator.post(f"/webhooks/{webhook.pk}/secret/").content.decode()
    administrator.post(f"/webhooks/{webhook.pk}/delete/")
    assert not Webhook.objects.exists()


def test_figures_and_the_alerts_on_them(client: Client) -> None:
    WebhookDeliveryFactory.create(webhook__name="RIS", state="dead")
    text = client.get("/metrics").content.decode()

    names = {sample.name for family in text_string_to_metric_families(text) for sample in family.samples}
    rules = yaml.safe_load(RULES.read_text())["groups"][0]["rules"]
    wanted = {name for rule in rules for name in re.findall(r"gantry_\w+", rule["expr"])}

    assert 'gantry_webhook_deliveries{state="dead",webhook="RIS"} 1.0' in text
    assert wanted <= names
