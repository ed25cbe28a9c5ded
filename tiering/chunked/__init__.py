"""The TAR of a pack in chunks, compressed and encrypted: bytes come in and go out, nothing here knows of rows."""
