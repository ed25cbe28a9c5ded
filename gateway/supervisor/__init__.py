"""The whole product in the foreground: prepare, start every process, keep them running, stop them in order."""
