"""Gantry as a service class provider: the listener and one handler per service."""
