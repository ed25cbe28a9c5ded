"""The answer to STOW-RS: what is stored, what is not and why (PS3.18 10.5.3, Annex I)."""

from dataclasses import dataclass, field, replace
from typing import Any

OUT_OF_RESOURCES = 0xA700
_SOP_CLASS, _SOP_INSTANCE = "00081150", "00081155"
_RETRIEVE_URL, _FAILURE_REASON = "00081190", "00081197"
_FAILED, _REFERENCED, _OTHER_FAILURES = "00081198", "00081199", "0008119A"


@dataclass(frozen=True)
class Stored:
    """What became of one part.

    Attributes:
        sop_class_uid, sop_instance_uid: empty when the part does not say.
        study_instance_uid, series_instance_uid: of what is stored.
        failure: Failure Reason, as the status of C-STORE; 0 when it is stored.
        comment: why, for the log; holds no patient data.
    """

    sop_class_uid: str = ""
    sop_instance_uid: str = ""
    study_instance_uid: str = ""
    series_instance_uid: str = ""
    failure: int = 0
    comment: str = ""

    def failed(self, failure: int, comment: str) -> "Stored":
        """The same instance, not stored."""
        return replace(self, failure=failure, comment=comment)


@dataclass
class StoreReport:
    """All parts of one request.

    Args:
        root: the address that ``studies/...`` is appended to.
    """

    root: str
    parts: list[Stored] = field(default_factory=list)

    def add(self, part: Stored) -> None:
        """One more."""
        self.parts.append(part)

    @property
    def stored(self) -> list[Stored]:
        """Those that are durable."""
        return [part for part in self.parts if not part.failure]

    @property
    def failed(self) -> list[Stored]:
        """Those that are not."""
        return [part for part in self.parts if part.failure]

    @property
    def status(self) -> int:
        """Of the HTTP answer (PS3.18 Table 10.5.3-1)."""
        if not self.failed:
            return 200
        if self.stored:
            return 202
        return 503 if all(part.failure == OUT_OF_RESOURCES for part in self.failed) else 409

    def as_json(self) -> dict[str, Any]:
        """The Store Instances Response Module."""
        studies = {part.study_instance_uid for part in self.stored}
        found: dict[str, Any] = {}
        if len(studies) == 1:
            found[_RETRIEVE_URL] = {"vr": "UR", "Value": [f"{self.root}studies/{studies.pop()}"]}
        named = [part for part in self.failed if part.sop_instance_uid and part.sop_class_uid]
        others = [part for part in self.failed if part not in named]
        if self.stored:
            items = [_referenced(part) | _retrieve(self.root, part) for part in self.stored]
            found[_REFERENCED] = {"vr": "SQ", "Value": items}
        if named:
            found[_FAILED] = {"vr": "SQ", "Value": [_referenced(part) | _reason(part) for part in named]}
        if others:
            found[_OTHER_FAILURES] = {"vr": "SQ", "Value": [_reason(part) for part in others]}
        return found


def _referenced(part: Stored) -> dict[str, Any]:
    return {
        _SOP_CLASS: {"vr": "UI", "Value": [part.sop_class_uid]},
        _SOP_INSTANCE: {"vr": "UI", "Value": [part.sop_instance_uid]},
    }


def _reason(part: Stored) -> dict[str, Any]:
    return {_FAILURE_REASON: {"vr": "US", "Value": [part.failure]}}


def _retrieve(root: str, part: Stored) -> dict[str, Any]:
    url = f"{root}studies/{part.study_instance_uid}/series/{part.series_instance_uid}/instances/{part.sop_instance_uid}"
    return {_RETRIEVE_URL: {"vr": "UR", "Value": [url]}}
