"""The canonical form of a record, which its hash is made of (docs/audit.md, "What is hashed")."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from gateway.audit.models import AuditRecord

FORM = "gantry-audit-1"


def canonical(row: AuditRecord) -> bytes:
    """A JSON array without spaces, in UTF-8: every column but the hash itself and the primary key."""
    values = [
        FORM,
        row.chain_id,
        row.sequence,
        moment(row.at),
        row.action,
        row.actor,
        row.actor_kind,
        row.address,
        row.patient_id,
        row.study_instance_uid,
        row.subject,
        row.number,
        row.detail,
        row.key_id,
        row.previous,
    ]
    return compact(values).encode("utf-8", "surrogatepass")


def compact(value: Any) -> str:
    """JSON with sorted keys and without spaces; characters as they are."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def moment(at: datetime) -> str:
    """A moment in UTC with its microseconds, as both databases keep them."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def clean(text: str, length: int) -> str:
    """Text as both databases can keep it: no NUL, no half of a surrogate pair, cut to what the column takes."""
    return text.replace("\0", "\N{SYMBOL FOR NULL}").encode("utf-8", "replace").decode()[:length]


def detail_text(detail: Mapping[str, Any]) -> str:
    """Details as the column keeps them."""
    return clean(compact(dict(detail)), 10_000)
