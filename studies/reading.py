"""The header of a file however odd it is: by the scan, else by pydicom in its child, else by neither."""

from dataclasses import replace
from pathlib import Path

from studies.admission import UIDS, is_uid
from studies.errors import CutOffDataSet, MalformedDataSet
from studies.header import Header, read_header, read_header_with
from studies.scan import Scan
from studies.second_reader import SecondReaderFailed, second_reader


def header_of(path: Path, wanted: frozenset[int]) -> Header:
    """Read the header of a Part 10 file; what is uncertain about it, ``Header.note`` says.

    Raises:
        NotPart10: no File Meta Information.
        MalformedDataSet: cut off, a UID is missing or malformed, or pydicom cannot read it either.
        OSError: the file cannot be read.
    """
    try:
        header = read_header(path, wanted)
    except CutOffDataSet:
        raise  # damage: pydicom would read its beginning, and nobody would want the rest
    except MalformedDataSet as error:
        found = second_reader.read(path, wanted)
        oddity = f"Read in the second way, for the first cannot follow it: {error}."
        header = replace(read_header_with(path, found), oddity=oddity)
    else:
        if header.found.last_tag is not None and header.found.last_tag <= max(wanted):
            header = replace(header, found=_completed(path, header.found, wanted))
    for tag, name in UIDS.items():
        if not is_uid(header.text(tag)):
            raise MalformedDataSet(f"{name} is missing or no UID", tag)
    return header


def _completed(path: Path, found: Scan, wanted: frozenset[int]) -> Scan:
    """What the scan found before its limit, and what pydicom finds besides."""
    try:
        others = second_reader.read(path, wanted)
    except SecondReaderFailed:
        return found
    return replace(found, values=others.values | found.values)
