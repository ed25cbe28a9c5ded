"""Webhooks: what happens here is told to other systems, each event by a signed request of its own."""
