"""The child that opens files with pydicom and its codecs: decodes, renders, transcodes, and writes them as JSON.

A question names what is to be done and files by path; see ``studies.children`` for how it is asked. Run as a module.
"""

import os
import sys
import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from copy import copy
from functools import lru_cache
from typing import Any

import numpy as np
import pydicom
from pydicom.encaps import encapsulate
from pydicom.pixels.decoders.base import get_decoder
from pydicom.pixels.encoders.base import get_encoder
from pydicom.uid import JPEG2000, UID, JPEG2000Lossless, JPEGLSLossless, RLELossless

from studies import dicom_json, rendering
from studies.byte_order import in_little_endian
from studies.children import serve
from studies.errors import NoPixels, NoSuchFrame, NoSuchValue


class NotTheSame(Exception):
    """The pixels that came out are not those that went in."""


# By name: left to itself pydicom takes gdcm for RLE, which aborts its process over frames of three by three samples.
ENCODERS = {JPEG2000Lossless: "pylibjpeg", JPEGLSLossless: "pyjpegls", RLELossless: "pylibjpeg"}
# By pylibjpeg, in five sixths of the time that gdcm takes, which pydicom would ask first.
QUICKLY_DECODED = frozenset((JPEG2000, JPEG2000Lossless, RLELossless))
Answer = tuple[dict[str, Any], bytes]


def decode(question: dict[str, Any]) -> Answer:
    """One frame: samples in little endian, by pixel, colours as RGB (PS3.18 8.7.3.3.1)."""
    array, how = _frame(*_opened(question))
    found = {"shape": array.shape, "photometric_interpretation": how["photometric_interpretation"]}
    return found, _bytes_of(array, how)


def encode(question: dict[str, Any]) -> Answer:
    """One frame in a compressed transfer syntax, without loss."""
    array, how = _frame(*_opened(question))
    names = ("rows", "columns", "samples_per_pixel", "bits_allocated", "bits_stored", "pixel_representation")
    options = {name: how[name] for name in (*names, "photometric_interpretation")}
    syntax = UID(question["transfer_syntax_uid"])
    options |= {"number_of_frames": 1, "planar_configuration": 0, "encoding_plugin": ENCODERS[syntax]}
    return {}, get_encoder(syntax).encode(array, **options)


def render(question: dict[str, Any]) -> Answer:
    """One frame as a picture for people (PS3.18 8.3.5)."""
    ds, number = _opened(question)
    array, how = _frame(ds, number)
    return {}, rendering.picture(ds, array, how["photometric_interpretation"], question)


def card(question: dict[str, Any]) -> Answer:
    """A picture that says what something is."""
    return {}, rendering.card(question["text"], question)


def metadata(question: dict[str, Any]) -> Answer:
    """The data sets of files as DICOM JSON, with commas between them (PS3.18 F)."""
    objects = [dicom_json.encoded(each["path"], each["uri"]) for each in question["files"]]
    return {"sizes": [len(each) for each in objects]}, b",".join(objects)


def bulkdata(question: dict[str, Any]) -> Answer:
    """The value of one element, little endian (PS3.18 10.4.1.1.5)."""
    ds: Any = in_little_endian(pydicom.dcmread(question["path"]))
    where = question["where"]
    for tag, number in zip(where[:-1:2], where[1::2], strict=True):
        if tag not in ds or ds[tag].VR != "SQ" or number >= len(ds[tag].value):
            raise NoSuchValue
        ds = ds[tag].value[number]
    if where[-1] not in ds:
        raise NoSuchValue
    value = dicom_json.value_bytes(ds[where[-1]])
    if not value:
        raise NoSuchValue
    return {}, value


def rewrite(question: dict[str, Any]) -> Answer:
    """A whole instance in another transfer syntax, into a file; what is compressed is compared (PS3.5 10)."""
    ds = pydicom.dcmread(question["path"])
    syntax, present = UID(question["transfer_syntax_uid"]), ds.file_meta.TransferSyntaxUID
    has_pixels = "PixelData" in ds
    in_little_endian(ds)
    if present.is_encapsulated and has_pixels:
        ds.decompress(generate_instance_uid=False)
    if syntax.is_encapsulated:
        before = _all_frames(ds)
        ds.compress(syntax, encoding_plugin=ENCODERS[syntax], generate_instance_uid=False)
        if not np.array_equal(before, _all_frames(ds)):
            raise NotTheSame
    ds.file_meta.TransferSyntaxUID = syntax
    # Whom it came from concerns nobody else.
    for keyword in (
        "SourceApplicationEntityTitle",
        "SendingApplicationEntityTitle",
        "ReceivingApplicationEntityTitle",
        "PrivateInformationCreatorUID",
        "PrivateInformation",
    ):
        if keyword in ds.file_meta:
            delattr(ds.file_meta, keyword)
    # Forced, or it would refuse to turn big endian, whose words are turned by now.
    forms = {"implicit_vr": syntax.is_implicit_VR, "little_endian": syntax.is_little_endian}
    pydicom.dcmwrite(question["target"], ds, **forms, force_encoding=True)
    return {}, b""


def _opened(question: dict[str, Any]) -> tuple[pydicom.Dataset, int]:
    """The data set with the frame that is asked for, and the frame's number in it, from 1.

    With ``pieces``, the parts of the file that hold the frame, only those are read: the data set has one frame then.
    """
    path, pieces = question["path"], question.get("pieces")
    if pieces is None:
        return pydicom.dcmread(path), question["frame"]
    ds = copy(_header(path))
    with open(path, "rb") as file:
        frame = b"".join(os.pread(file.fileno(), length, start) for start, length in pieces)
    is_encapsulated = ds.file_meta.TransferSyntaxUID.is_encapsulated
    ds.NumberOfFrames = 1
    if "ExtendedOffsetTable" in ds:
        del ds.ExtendedOffsetTable, ds.ExtendedOffsetTableLengths
    keyword = question["keyword"]
    setattr(ds, keyword, encapsulate([frame], has_bot=False) if is_encapsulated else frame)
    ds[keyword].is_undefined_length = is_encapsulated
    return ds, 1


@lru_cache(maxsize=4)
def _header(path: str) -> pydicom.Dataset:
    return pydicom.dcmread(path, stop_before_pixels=True)


def _frame(ds: pydicom.Dataset, number: int) -> tuple[Any, dict[str, Any]]:
    if not any(keyword in ds for keyword in ("PixelData", "FloatPixelData", "DoubleFloatPixelData")):
        raise NoPixels
    if not 1 <= number <= int(ds.get("NumberOfFrames") or 1):
        raise NoSuchFrame
    decoder = get_decoder(ds.file_meta.TransferSyntaxUID)
    if ds.file_meta.TransferSyntaxUID in QUICKLY_DECODED:
        with suppress(Exception):  # the others may yet make something of it
            return decoder.as_array(ds, index=number - 1, decoding_plugin="pylibjpeg")
    return decoder.as_array(ds, index=number - 1)


def _all_frames(ds: pydicom.Dataset) -> Any:
    array, _ = get_decoder(ds.file_meta.TransferSyntaxUID).as_array(ds, raw=True)
    return array


def _bytes_of(array: Any, how: Mapping[str, Any]) -> bytes:
    if how["bits_allocated"] == 1:
        return np.packbits(array.ravel(), bitorder="little").tobytes()
    data: bytes = np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
    return data


WORK: Mapping[str, Callable[[dict[str, Any]], Answer]] = {
    each.__name__: each for each in (decode, encode, render, card, metadata, bulkdata, rewrite)
}

if __name__ == "__main__":
    warnings.simplefilter("ignore")
    pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
    serve(lambda question: WORK[question["work"]](question), sys.argv[1:])
