"""Instances whose pixels or content may name the patient where no header shows it (PS3.15 E.3.1, PS3.3 C.7.6.3.1.1).

Gantry does not look into pixels. What may have a name in them is refused unless the header says that it has none, or
the operator takes the risk.
"""

from pydicom.uid import UID

from routing.elements import DataSet

BURNED_IN_ANNOTATION = 0x00280301
RECOGNIZABLE_VISUAL_FEATURES = 0x00280302
_IMAGE_TYPE, _CONVERSION_TYPE, _SOP_CLASS_UID = 0x00080008, 0x00080064, 0x00080016
_HAS_PIXELS = frozenset((0x7FE00008, 0x7FE00009, 0x7FE00010, 0x00287FE0))
# Classes by the beginning of their UIDs' last parts: images that commonly carry text, as screens and captures do.
_ROOT = "1.2.840.10008.5.1.4.1.1."
_RISKY = ("3", "6", "7", "12.1", "12.2", "12.3", "77.1")
# Documents and voices: what they say cannot be replaced attribute by attribute.
_NOT_CLEANABLE = ("9.4", "104", "66", "88.2")


class MayName(Exception):
    """The instance may identify the patient in a way that cannot be cleaned; the message says which."""


def refuse_what_may_name(ds: DataSet, *, is_risk_accepted: bool) -> None:
    """See that nothing but the header names the patient, as far as the header tells.

    Raises:
        MayName: something may.
    """
    sop_class = ds.text(_SOP_CLASS_UID)
    if _is_one_of(sop_class, _NOT_CLEANABLE) or ds.get(0x00420011) is not None:
        raise MayName(f"{UID(sop_class).name} cannot be de-identified: what it holds is no header and no image")
    if is_risk_accepted or not any(element.tag in _HAS_PIXELS for element in ds.elements):
        return
    burned_in = ds.text(BURNED_IN_ANNOTATION).upper()
    if burned_in == "YES":
        raise MayName("its pixels show text that may name the patient (Burned In Annotation is YES)")
    if ds.text(RECOGNIZABLE_VISUAL_FEATURES).upper() == "YES":
        raise MayName("its pixels may show the patient's face (Recognizable Visual Features is YES)")
    if burned_in != "NO" and _is_risky(ds, sop_class):
        raise MayName("its kind of image often shows the patient's name, and Burned In Annotation does not say NO")


def _is_risky(ds: DataSet, sop_class: str) -> bool:
    """Ultrasound, captures, angiography, visible light, whatever was digitised, and what the standard does not know."""
    if not sop_class.startswith(_ROOT) or _is_one_of(sop_class, _RISKY):
        return True
    words = {word.strip().upper() for word in ds.text(_IMAGE_TYPE).split("\\")}
    return bool(words & {"SCREEN SAVE", "SCREENSHOT"}) or ds.text(_CONVERSION_TYPE) not in {"", "SYN"}


def _is_one_of(sop_class: str, kinds: tuple[str, ...]) -> bool:
    return any(f"{sop_class}.".startswith(f"{_ROOT}{kind}.") for kind in kinds)
