"""Calls to web services: where they may lead, whom they are signed in as, and how long they may take."""
