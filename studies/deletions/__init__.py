"""Deleting what is stored: rows and a record of who asked for it at once, files after (docs/dicomweb.md)."""
