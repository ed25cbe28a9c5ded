"""Gantry as a service class user: it asks peers to echo and to store."""
