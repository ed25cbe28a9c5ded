"""Secrets of webhooks, and signatures under them, as Standard Webhooks 1.0 has them."""

import hashlib
import hmac
import secrets
from base64 import b64decode, b64encode
from datetime import datetime, timedelta

from dicomnet.web.secrets import seal, unseal
from gateway.webhooks.models import Webhook

PREFIX = "whsec_"
SECRET_BYTES = 32
BOTH_SIGN = timedelta(hours=24)  # after a change of the secret
# A secret is sent nowhere, so that it belongs to no address: it goes on when the URL changes.
_PLACE = "webhook"


def new_secret() -> str:
    """Made by us, so that it cannot be guessed."""
    return PREFIX + b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def sealed(secret: str) -> str:
    """Encrypted, as it is stored."""
    return seal(secret, place=_PLACE)


def headers_of(webhook: Webhook, message_id: str, body: bytes, now: datetime) -> dict[str, str]:
    """The three header fields that say which message it is, when it was sent, and that it is ours.

    Raises:
        SecretUnusable: the key that encrypted the secret is gone.
    """
    stamp = str(int(now.timestamp()))
    signatures = [signature(secret, message_id, stamp, body) for secret in _secrets(webhook, now)]
    return {"webhook-id": message_id, "webhook-timestamp": stamp, "webhook-signature": " ".join(signatures)}


def signature(secret: str, message_id: str, stamp: str, body: bytes) -> str:
    """``v1,`` and HMAC-SHA256 of id, time and body in base64."""
    key = b64decode(secret.removeprefix(PREFIX))
    digest = hmac.new(key, f"{message_id}.{stamp}.".encode() + body, hashlib.sha256).digest()
    return f"v1,{b64encode(digest).decode()}"


def _secrets(webhook: Webhook, now: datetime) -> list[str]:
    stored = [webhook.secret]
    if webhook.former_secret and webhook.former_until is not None and now < webhook.former_until:
        stored.append(webhook.former_secret)
    return [unseal(one, place=_PLACE) for one in stored]
