"""Counters of webhooks, by their names, of which there are few; no patient data."""

from prometheus_client import Counter

ATTEMPTS = Counter("gantry_webhook_attempts_total", "Messages to webhooks by how the attempt ended.", ["outcome"])
