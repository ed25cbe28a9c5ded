"""The ways in which a source sends a study: a file for each."""
