"""The archive: what was received, its index, and the ways to find and fetch it."""
