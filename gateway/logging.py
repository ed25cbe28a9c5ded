"""Log lines as JSON, one per event, that refuse to carry patient data."""

import json
import logging
from datetime import UTC, datetime
from typing import Any

# What LogRecord has by itself; anything else came in as ``extra`` and is the line's own content.
# Django adds the request to its errors: its query string may hold what somebody searched for.
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "request"}
# Names that hold, or usually hold, what identifies a patient: a line that carries one prints the name only.
_REFUSED = frozenset(
    {"patient_name", "patient_id", "patient_birth_date", "accession_number", "description", "dataset", "identifier"}
)


class JsonLines(logging.Formatter):
    """One JSON object per record; control characters are escaped, so a value cannot forge a line."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line of JSON."""
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
        }
        for name, value in vars(record).items():
            if name not in _STANDARD:
                line[name] = "refused" if name in _REFUSED else value
        if record.exc_info:
            line["traceback"] = _without_values(self.formatException(record.exc_info))
        return json.dumps(line, default=str, ensure_ascii=True)


def _without_values(traceback: str) -> str:
    """PostgreSQL names the values of the row that it refused in a line of its own."""
    return "\n".join(line for line in traceback.splitlines() if not line.startswith("DETAIL:"))


def logging_config(level: str) -> dict[str, Any]:
    """Django's LOGGING: everything to standard error, libraries that may print patient data kept quiet."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": {"()": JsonLines}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            # pynetdicom and pydicom print identifiers and values at lower levels.
            "pynetdicom": {"level": "CRITICAL", "handlers": ["stderr"], "propagate": False},
            "pydicom": {"level": "CRITICAL", "handlers": ["stderr"], "propagate": False},
            "django.request": {"level": "ERROR"},
            "celery": {"level": "WARNING"},
            "kombu": {"level": "WARNING"},
            "faker": {"level": "WARNING"},
        },
    }
