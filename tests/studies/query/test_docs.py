"""docs/queries.md says what the table of keys says."""

from pathlib import Path

from gateway.env import BASE_DIR
from studies.query.dicom_json import DEFAULT_KEYWORDS
from studies.query.keys import KEYS, QueryLevel


def keys_table() -> str:
    """The table of the page, from the code's."""
    defaults = {word: level for level, words in DEFAULT_KEYWORDS.items() for word in words}
    uids = {
        "StudyInstanceUID": QueryLevel.STUDY,
        "SeriesInstanceUID": QueryLevel.SERIES,
        "SOPInstanceUID": QueryLevel.IMAGE,
    }
    lines = ["| tag | keyword | VR | level | matched | QIDO-RS returns it |", "|---|---|---|---|---|---|"]
    for key in sorted(KEYS, key=lambda key: (key.level.rank, key.tag)):
        tag = f"({key.tag >> 16:04X},{key.tag & 0xFFFF:04X})"
        matched = "yes" if key.is_matched else "no"
        returned = "always" if key.keyword in {**defaults, **uids} else "with `includefield`"
        returned = "never" if key.keyword.startswith("NumberOfPatient") else returned
        lines.append(f"| {tag} | {key.keyword} | {key.vr} | {key.level} | {matched} | {returned} |")
    return "\n".join(lines) + "\n"


def test_the_table_of_keys_is_on_the_page() -> None:
    assert keys_table() in (Path(BASE_DIR) / "docs" / "queries.md").read_text()
