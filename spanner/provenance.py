"""What a match says of where it is from, and what answers say of who is missing, where there is little room."""

from collections.abc import Mapping, Sequence

from dicomnet.ae_title import MAXIMUM_LENGTH, is_ae_title
from spanner.answers import Answer
from spanner.merge import Merged
from spanner.models import Source, SourceKind


def retrieve_ae_titles(federation: str, here: str, merged: Merged, sources: Mapping[str, Source]) -> list[str]:
    """Values of Retrieve AE Title (0008,0054): whom to ask for it first, then who has it.

    A source that has no AE title, since it speaks DICOMweb, is there by its name, as far as that fits.

    Args:
        federation: the title that fetches it, wherever it is; empty: there is none.
        here: Gantry's own title.
        merged: the match.
        sources: of the federation, by name.
    """
    found = [federation] if federation else []
    for name in merged.sources:
        source = sources.get(name)
        title = here if source is not None and source.kind == SourceKind.LOCAL else source.ae_title if source else ""
        title = title or name[:MAXIMUM_LENGTH].strip()
        if is_ae_title(title):
            found.append(title)
    return list(dict.fromkeys(found))


def missing_in_short(answers: Sequence[Answer], limit: int) -> str:
    """``missing: NORTH (timeout), EAST (error) and 3 more``, in so many characters; empty when nobody is."""
    missing = [f"{answer.source} ({answer.state})" for answer in answers if not answer.is_whole]
    if not missing:
        return ""
    for count in range(len(missing), 0, -1):
        more = f" and {len(missing) - count} more" if count < len(missing) else ""
        text = f"missing: {', '.join(missing[:count])}{more}"
        if len(text) <= limit:
            return text
    return f"missing: {len(missing)} of {len(answers)} sources"
