"""The whole product in the foreground: prepare, start and keep every process, stop them in order."""
