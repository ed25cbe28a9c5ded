"""Bodies of messages: JSON with ``type``, ``timestamp`` and ``data``, as Standard Webhooks has them."""

import json
from datetime import UTC, datetime
from typing import Any

from django.utils import timezone

from gateway.webhooks.kinds import TEST
from studies.models import Study


def body_of(kind: str, at: datetime, data: dict[str, Any]) -> str:
    """As it is sent."""
    stamp = at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return json.dumps({"type": kind, "timestamp": stamp, "data": data}, ensure_ascii=False, separators=(",", ":"))


def trial_body(name: str) -> str:
    """Of a message that says only that it is a test."""
    return body_of(TEST, timezone.now(), {"webhook": name, "words": "This is a test. Nothing has happened."})


def patient_of(study: Study) -> dict[str, Any]:
    """What is added to the data where the patient may be named."""
    return {
        "patient": {
            "patient_id": study.patient_id,
            "issuer_of_patient_id": study.issuer_of_patient_id,
            "patient_name": study.patient_name,
            "patient_birth_date": study.patient_birth_date,
            "patient_sex": study.patient_sex,
        },
        "accession_number": study.accession_number,
    }
