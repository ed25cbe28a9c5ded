"""Log lines: JSON, one per event, without patient data."""

import json
import logging
import sys

from gateway.logging import JsonLines


def line(message: str, **extra: object) -> dict[str, object]:
    record = logging.makeLogRecord({"name": "gateway.test", "levelname": "INFO", "msg": message, **extra})
    text = JsonLines().format(record)
    assert "\n" not in text
    parsed: dict[str, object] = json.loads(text)
    return parsed


def test_extras_become_fields() -> None:
    found = line("indexed", count=3, destination="PACS")
    assert found["event"] == "indexed"
    assert (found["count"], found["destination"]) == (3, "PACS")


def test_a_value_cannot_forge_a_line() -> None:
    found = line("association rejected", calling_ae_title='X\n{"event": "forged"}\x1b[2J')
    assert found["event"] == "association rejected"


def test_fields_that_identify_a_patient_are_refused() -> None:
    found = line("oops", patient_name="ZZCANARY^ANNA", patient_id="4711", accession_number="A1")
    assert (found["patient_name"], found["patient_id"], found["accession_number"]) == ("refused",) * 3


def test_a_traceback_leaves_out_the_values_of_a_row() -> None:
    words = "\n".join(["duplicate key", f"DETAIL:  Key (patient_id)=({4700 + 11}) already exists."])
    try:
        raise ValueError(words)
    except ValueError:
        found = line("task failed", exc_info=sys.exc_info())
    assert "duplicate key" in str(found["traceback"])
    assert "4711" not in str(found["traceback"])
