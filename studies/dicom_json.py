"""A data set in the DICOM JSON model (PS3.18 F): numbers as numbers, names in groups, text as UTF-8.

Values of bytes beyond a kibibyte, and anything that is very long, stand apart: a ``BulkDataURI`` says where. Runs in
the child (``studies.pixel_worker``), for the files are whatever a sender made.
"""

import base64
import json
import math
from typing import Any

import pydicom
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_data_element
from pydicom.uid import UID
from pydicom.valuerep import PersonName

from studies.byte_order import in_little_endian

INLINE_BYTES = 1024
LONG_VALUE_BYTES = 65_536  # of what is no bytes: a clinical text stays, a table of a million numbers does not
BINARY = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN"})
_INTEGERS = frozenset({"IS", "SL", "SS", "SV", "UL", "US", "UV"})
_DECIMALS = frozenset({"DS", "FD", "FL"})
_ONE_TEXT = frozenset({"LT", "ST", "UR", "UT"})
PIXEL_DATA = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})
_FLOAT_PIXELS = {0x7FE00008: "OF", 0x7FE00009: "OD"}


def encoded(path: str, uri: str) -> bytes:
    """One stored file as JSON text.

    Args:
        uri: of the instance; bulk data stand below it.
    """
    ds = in_little_endian(pydicom.dcmread(path, stop_before_pixels=True))
    found = as_json(ds, f"{uri}/bulkdata")
    pixels = pydicom.dcmread(path, specific_tags=[0x7FE00008, 0x7FE00009, 0x7FE00010], defer_size=1024)
    for tag in sorted(PIXEL_DATA & set(pixels.keys())):
        found[f"{tag:08X}"] = {"vr": _pixel_vr(tag, ds), "BulkDataURI": f"{uri}/bulkdata/{tag:08X}"}
    return json.dumps(found, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode("utf-8", "replace")


def as_json(ds: Dataset, uri: str) -> dict[str, Any]:
    """The elements by tag, group lengths left out."""
    found: dict[str, Any] = {}
    for tag in sorted(ds.keys()):
        if tag.element == 0 or tag.group <= 0x0002:
            continue
        name = f"{tag:08X}"
        try:
            element = ds[tag]
            found[name] = element_json(element, f"{uri}/{name}")
        except Exception:  # noqa: BLE001 (pydicom raises whatever a file makes it)
            # What does not decode as its VR is there, but has no value that could be trusted.
            found[name] = {"vr": str(getattr(ds.get_item(tag), "VR", None) or "UN")[:2]}
    return found


def element_json(element: DataElement, uri: str) -> dict[str, Any]:
    """One element (PS3.18 F.2.2)."""
    vr = str(element.VR).split(" or ", maxsplit=1)[0]
    shown: dict[str, Any] = {"vr": vr}
    if vr == "SQ":
        items = [as_json(item, f"{uri}/{number}") for number, item in enumerate(element.value or [])]
        return shown | {"Value": items} if items else shown
    if vr in BINARY:
        value = value_bytes(element)
        if not value:
            return shown
        if len(value) > INLINE_BYTES:
            return shown | {"BulkDataURI": uri}
        return shown | {"InlineBinary": base64.b64encode(value).decode()}
    values = _values(vr, element.value)
    if not values or values == [None]:
        return shown
    if len(values) * 8 > LONG_VALUE_BYTES or (isinstance(values[0], str) and len(values[0]) > LONG_VALUE_BYTES):
        return shown | {"BulkDataURI": uri}
    return shown | {"Value": values}


def value_bytes(element: DataElement) -> bytes:
    """The value as it is encoded in little endian."""
    if isinstance(element.value, bytes):
        return element.value
    if element.value is None or element.VR == "SQ":
        return b""
    buffer = DicomBytesIO()
    buffer.is_implicit_VR, buffer.is_little_endian = True, True
    write_data_element(buffer, element, ["utf_8"])
    return bytes(buffer.getvalue()[8:])


def _values(vr: str, value: Any) -> list[Any]:
    """The values; None stands for one that is empty between others (PS3.18 F.2.5)."""
    if value is None or value == "":
        return []
    if vr in _ONE_TEXT or isinstance(value, str | bytes | int | float | PersonName | UID):
        values = [value]
    else:
        values = list(value)
    return [_value(vr, each) for each in values]


def _value(vr: str, value: Any) -> Any:
    if value is None or value == "":
        return None
    if vr == "PN":
        return _name(value)
    if vr == "AT":
        return f"{int(value):08X}"
    if vr in _INTEGERS:
        return _number(value, int)
    if vr in _DECIMALS:
        return _number(value, float)
    return str(value)


def _number(value: Any, kind: type) -> Any:
    """A number; what is none stays the text that it is, for JSON knows no infinity (PS3.18 F.2.2, F.2.3)."""
    try:
        number = kind(value)
    except (ValueError, TypeError, OverflowError):
        return str(value)
    return number if math.isfinite(number) else str(number)


def _name(value: Any) -> dict[str, str] | None:
    name = value if isinstance(value, PersonName) else PersonName(str(value))
    groups = {"Alphabetic": name.alphabetic, "Ideographic": name.ideographic, "Phonetic": name.phonetic}
    return {kind: text for kind, text in groups.items() if text} or None


def _pixel_vr(tag: int, ds: Dataset) -> str:
    if tag in _FLOAT_PIXELS:
        return _FLOAT_PIXELS[tag]
    syntax = getattr(ds, "file_meta", Dataset()).get("TransferSyntaxUID", UID(""))
    is_encapsulated = not syntax.is_private and syntax.is_transfer_syntax and syntax.is_encapsulated
    bits = ds.get("BitsAllocated") or 16
    return "OB" if is_encapsulated or (isinstance(bits, int) and bits <= 8) else "OW"
