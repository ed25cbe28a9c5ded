"""Which attributes the actions of a rule may set, read and remove, and why not the others."""

from dataclasses import dataclass

from django.utils.translation import gettext as _
from pydicom.datadict import tag_for_keyword

from routing.tags import has_one_value, is_private, name_of, tag_of, vr_of, vrs_of
from routing.values import SETTABLE, TEXTS

SPECIFIC_CHARACTER_SET = 0x00080005
_IDENTITY = {
    tag_for_keyword(keyword) for keyword in ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")
}
_PIXEL_DATA = {0x7FE00001, 0x7FE00002, 0x7FE00003, 0x7FE00008, 0x7FE00009, 0x7FE00010}
# How the bytes of Pixel Data are to be read (PS3.3 C.7.6.3): changed alone, they make another picture of them.
_PIXEL_DESCRIPTION = {
    tag_for_keyword(keyword)
    for keyword in (
        "SamplesPerPixel",
        "PhotometricInterpretation",
        "PlanarConfiguration",
        "NumberOfFrames",
        "Rows",
        "Columns",
        "BitsAllocated",
        "BitsStored",
        "HighBit",
        "PixelRepresentation",
    )
}
# What de-identification says of itself: a rule must not say it without doing it.
_CLAIMS = {0x00120062, 0x00120063, 0x00120064, 0x00280303}


class NotChangeable(ValueError):
    """An action may not touch this attribute; the message says why."""


@dataclass(frozen=True)
class Attribute:
    """An attribute of the data set's top level."""

    tag: int

    @property
    def vr(self) -> str:
        """Its VR in the dictionary."""
        return vr_of(self.tag)

    @property
    def has_one_value(self) -> bool:
        """It cannot have several."""
        return has_one_value(self.tag)

    def __str__(self) -> str:
        return name_of(self.tag)


def settable(name: object) -> Attribute:
    """An attribute whose value an action may set.

    Raises:
        NotChangeable: it may not; the message says why.
    """
    attribute = _changeable(name)
    if attribute.vr == "UI":
        raise NotChangeable(
            _("%(attribute)s is a UID, and others may refer to it; the action new_uids replaces them all.")
            % {"attribute": attribute}
        )
    if attribute.tag in _CLAIMS:
        raise NotChangeable(
            _("%(attribute)s says that the instance was de-identified; the action deidentify sets it.")
            % {"attribute": attribute}
        )
    if len(vrs_of(attribute.tag)) > 1 or attribute.vr not in SETTABLE:
        raise NotChangeable(
            _("%(attribute)s holds no text or number (its VR is %(vr)s); it can only be removed.")
            % {"attribute": attribute, "vr": attribute.vr}
        )
    return attribute


def removable(name: object) -> Attribute:
    """An attribute that an action may remove.

    Raises:
        NotChangeable: it may not; the message says why.
    """
    return _changeable(name)


def readable(name: object) -> Attribute:
    """An attribute whose value may be copied.

    Raises:
        NotChangeable: it may not; the message says why.
    """
    attribute = _known(name)
    if len(vrs_of(attribute.tag)) > 1 or attribute.vr not in TEXTS | SETTABLE:
        raise NotChangeable(
            _("%(attribute)s holds no text or number (its VR is %(vr)s).")
            % {"attribute": attribute, "vr": attribute.vr}
        )
    return attribute


def _known(name: object) -> Attribute:
    tag = tag_of(name) if isinstance(name, str) else None
    if tag is None:
        raise NotChangeable(_("attribute must be a keyword such as PatientID, or a tag such as 00100020."))
    if is_private(tag):
        raise NotChangeable(_("a private attribute has no fixed number: its block may be another in each instance."))
    if tag >> 16 < 8 or tag >> 16 == 0xFFFE or not tag & 0xFFFF:
        raise NotChangeable(
            _("%(attribute)s belongs to the message or the file, not to the instance.") % {"attribute": name_of(tag)}
        )
    if vr_of(tag) == "UN":
        raise NotChangeable(_("%(attribute)s is not in the data dictionary.") % {"attribute": name_of(tag)})
    return Attribute(tag)


def _changeable(name: object) -> Attribute:
    attribute = _known(name)
    if attribute.tag == SPECIFIC_CHARACTER_SET:
        raise NotChangeable(
            _("%(attribute)s says how all text is encoded; changed alone, it makes that unreadable.")
            % {"attribute": attribute}
        )
    if attribute.tag in _PIXEL_DATA:
        raise NotChangeable(
            _("%(attribute)s is the image itself; the action compress changes its form.") % {"attribute": attribute}
        )
    if attribute.tag in _PIXEL_DESCRIPTION:
        raise NotChangeable(
            _("%(attribute)s says how the pixel data is read; changed alone, it makes another image.")
            % {"attribute": attribute}
        )
    if attribute.tag in _IDENTITY:
        raise NotChangeable(
            _("%(attribute)s says which instance it is; the action new_uids replaces it everywhere.")
            % {"attribute": attribute}
        )
    return attribute
