"""Carry out the actions of a rule on a stored file: a new Part 10 file, the same each time (PS3.10 7).

Only what the actions name is written anew. Everything else, pixel data first of all, goes from file to file as it is,
byte for byte. No Original Attributes Sequence (PS3.3 C.12.1.1.9) is added: it would hold what was to be removed, and
the time of the change, by which two copies of one instance would differ. Which actions changed a copy, the delivery
says by its rule version.
"""

import mmap
import os
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from pydicom import uid

from dicomnet.part10 import DEFLATED, NotPart10, file_meta_bytes, read_file_meta
from routing.action_kinds import TRANSFER_SYNTAXES
from routing.action_types import KEEP, REMOVE, Change, Compress, Copy, Deidentify, Map, NewUids, Prefix, Remove, Set
from routing.changeable import Attribute
from routing.compress import CannotCompress, compress
from routing.deidentify.burned_in import MayName
from routing.deidentify.profile import deidentify
from routing.deidentify.pseudonyms import BadKey, pseudonyms_of
from routing.deidentify.uids import replace_all_uids
from routing.deidentify.words import identifying_words
from routing.elements import DataSet, data_set
from routing.encoding import BadDataSet, encoding_of
from routing.values import BadValue, check, decode, encode, values_of

MAXIMUM_INFLATED = 256 << 20  # it is held in memory
MAXIMUM_RATIO = 100  # as the listener takes a deflated data set
_LEAST_INFLATED = 64 << 20
_CHUNK = 1 << 20
_SOP_CLASS_UID, _SOP_INSTANCE_UID, PIXEL_DATA = 0x00080016, 0x00080018, 0x7FE00010
UID_OF = {keyword: str(getattr(uid, keyword)) for keyword in TRANSFER_SYNTAXES}


class CannotChange(Exception):
    """A file cannot be changed as its rule says.

    The message says why, without patient data.

    Attributes:
        is_permanent: trying again would fail again.
    """

    def __init__(self, message: str, *, is_permanent: bool = True) -> None:
        super().__init__(message)
        self.is_permanent = is_permanent


def morph(source: Path, target: Path, changes: Sequence[Change]) -> None:
    """Write the changed copy of a Part 10 file.

    Args:
        source: is only read.
        target: must not exist; what an error leaves of it, the caller removes.
        changes: in their order; compression comes last wherever it stands.

    Raises:
        CannotChange: nothing may be sent.
    """
    wanted = next((UID_OF[change.transfer_syntax] for change in changes if isinstance(change, Compress)), None)
    changed = target.with_name(f"{target.name}.changed")
    try:
        present = _write_changed(source, changed, changes)
        if wanted is None or present in {None, wanted}:
            changed.rename(target)
        else:
            compress(changed, target, wanted, present=present)
            changed.unlink()
    except (BadDataSet, BadValue, NotPart10, MayName, CannotCompress) as error:
        raise CannotChange(str(error)) from error
    except BadKey as error:
        raise CannotChange(str(error), is_permanent=False) from error
    except RecursionError as error:
        raise CannotChange("its sequences stand in each other too deep") from error
    except OSError as error:
        words = f"the changed copy cannot be made: {error.strerror or 'an error of the disk'}"
        raise CannotChange(words, is_permanent=False) from error


def _write_changed(source: Path, target: Path, changes: Sequence[Change]) -> str | None:
    """All but the compression; returns the transfer syntax of its pixel data, None when it has none."""
    with source.open("rb") as file, target.open("xb") as written:
        meta = read_file_meta(file)
        syntax = meta.transfer_syntax_uid
        view = _data_set_of(file, meta.data_set_offset, is_deflated=syntax in DEFLATED)
        ds = data_set(view, encoding_of(syntax))
        # Asked before any action: what it replaces may stand elsewhere too.
        is_deidentified = any(isinstance(change, Deidentify) for change in changes)
        identifying = identifying_words(ds) if is_deidentified else frozenset[str]()
        for change in changes:
            apply(change, ds, identifying)
        written.write(
            file_meta_bytes(
                sop_class_uid=ds.text(_SOP_CLASS_UID),
                sop_instance_uid=ds.text(_SOP_INSTANCE_UID),
                transfer_syntax_uid=syntax,
                calling_ae_title="",
                called_ae_title="",
            )
        )
        for piece in _deflated(ds.pieces()) if syntax in DEFLATED else ds.pieces():
            written.write(piece)
    return None if ds.get(PIXEL_DATA) is None else syntax


def apply(change: Change, ds: DataSet, identifying: frozenset[str]) -> None:
    """Carry out one action on a data set.

    Args:
        identifying: words that a de-identification must not leave anywhere, beside those that it finds itself.

    Raises:
        BadValue, BadDataSet, MayName, BadKey: it cannot be.
    """
    match change:
        case Set():
            _put(ds, change.attribute, change.value)
        case Copy():
            if (text := _text(ds, change.source)).strip("\\"):
                _put(ds, change.attribute, text)
        case Prefix():
            _each(ds, change.attribute, lambda value: change.value + value)
        case Remove():
            ds.retain(lambda element: element.tag != change.attribute.tag)
        case Map():
            _map(ds, change)
        case NewUids():
            replace_all_uids(ds, pseudonyms_of(change.project))
        case Deidentify():
            deidentify(ds, change.options, pseudonyms_of(change.project), identifying)


def _text(ds: DataSet, attribute: Attribute) -> str:
    element = ds.get(attribute.tag)
    if element is None:
        return ""
    try:
        return decode(attribute.vr, bytes(element.value), ds.character_sets, ds.encoding.sign)
    except BadValue as error:
        raise BadValue(f"{attribute}: {error}") from error


def _put(ds: DataSet, attribute: Attribute, text: str) -> None:
    try:
        check(attribute.vr, text)
        value = encode(attribute.vr, text, ds.character_sets, ds.encoding.sign)
    except BadValue as error:
        raise BadValue(f"{attribute} cannot have its new value: {error}") from error
    ds.put(attribute.tag, attribute.vr, value)


def _each(ds: DataSet, attribute: Attribute, change: Callable[[str], str]) -> None:
    """Change every value that an attribute has."""
    values = values_of(attribute.vr, _text(ds, attribute))
    if any(values):
        _put(ds, attribute, "\\".join(change(value) if value else value for value in values))


def _map(ds: DataSet, change: Map) -> None:
    values = [value.strip() for value in values_of(change.attribute.vr, _text(ds, change.attribute))]
    if not any(values):
        return
    if change.default == REMOVE and not all(value in change.table for value in values):
        ds.retain(lambda element: element.tag != change.attribute.tag)
        return
    default = change.default
    new = [change.table.get(value, value if default == KEEP else default[0]) for value in values]
    if new != values:
        _put(ds, change.attribute, "\\".join(new))


def _data_set_of(file: BinaryIO, offset: int, *, is_deflated: bool) -> memoryview:
    size = os.fstat(file.fileno()).st_size
    if size <= offset:
        raise BadDataSet("the file holds no data set")
    # Not closed by hand: views of it live as long as a traceback does, and closing earlier is an error.
    mapped = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))[offset:]
    return _inflated(mapped) if is_deflated else mapped


def _inflated(deflated: memoryview) -> memoryview:
    limit = min(max(len(deflated) * MAXIMUM_RATIO, _LEAST_INFLATED), MAXIMUM_INFLATED)
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        out = inflater.decompress(deflated, limit)
    except zlib.error as error:
        raise BadDataSet("its deflated data set is damaged") from error
    if inflater.unconsumed_tail:
        raise BadDataSet("its deflated data set is too large to be changed")
    if not inflater.eof:
        raise BadDataSet("it is cut off")
    return memoryview(out)


def _deflated(pieces: Iterable[memoryview | bytes]) -> Iterator[bytes]:
    deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    length = 0
    for piece in pieces:
        for begin in range(0, len(piece), _CHUNK):
            out = deflater.compress(piece[begin : begin + _CHUNK])
            length += len(out)
            yield out
    last = deflater.flush()
    yield last + b"\0" * ((length + len(last)) % 2)
