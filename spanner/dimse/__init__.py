"""A federation behind an AE title of the listener; a file for each service."""
