"""What rules may ask about one instance: values of its header, and how it came in."""

from pathlib import Path

from pydicom.datadict import tag_for_keyword

from routing.conditions import ASSOCIATION_ATTRIBUTES, Facts
from studies.attributes import INDEX_TAGS
from studies.header import Header, read_header


def facts_of_file(path: Path, attributes: set[str]) -> Facts:
    """Values of the asked attributes, from a Part 10 file.

    Args:
        path: the file.
        attributes: keywords or 8-digit tags, and what the association tells.

    Raises:
        NotPart10, MalformedDataSet: the file is no DICOM file, or broken.
        OSError: the file cannot be read.
    """
    tags = {name: tag_of(name) for name in attributes if name not in ASSOCIATION_ATTRIBUTES}
    header = read_header(path, INDEX_TAGS | frozenset(tags.values()))
    return facts_of_header(header, tags)


def facts_of_header(header: Header, tags: dict[str, int]) -> Facts:
    """Values by name for these tags, and what the association tells."""
    facts = {name: header.values(tag) for name, tag in tags.items()}
    facts["CallingAETitle"] = [header.meta.sending_ae_title]
    facts["CalledAETitle"] = [header.meta.receiving_ae_title]
    facts["SourceAddress"] = [header.source_address]
    facts["TransferSyntaxUID"] = [header.meta.transfer_syntax_uid]
    return facts


def tag_of(name: str) -> int:
    """The tag of a keyword, or of eight hexadecimal digits."""
    tag = tag_for_keyword(name)
    return int(name, 16) if tag is None else tag
