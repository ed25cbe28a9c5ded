"""What becomes of attributes that Table E.1-1 does not list: stricter than the profile, which keeps them all.

Kept is what the dictionary knows, in the VR that it has there and with a value that fits it, unless it is a place where
people write: names, free text, addresses, dates, and text among the attributes of patient, visit and order.
"""

from routing.deidentify.table import Do
from routing.deidentify.words import text_of
from routing.elements import DataSet, Element
from routing.tags import vrs_of
from routing.values import has_form

_WRITTEN_BY_PEOPLE = frozenset(("AE", "DA", "DT", "LT", "PN", "ST", "TM", "UC", "UR", "UT"))
_SHORT_TEXTS = frozenset(("LO", "SH"))
_GROUPS_OF_PEOPLE = frozenset(
    (0x0008, 0x0010, 0x0012, 0x0014, 0x0016, 0x0032, 0x0038, 0x0040, 0x0042, 0x0088, 0x0100, 0x2200, 0x4008, 0x4010)
)
# Codes, makers and models, views, animals: text in those groups that is of no person.
_KEPT = frozenset(
    (
        *(0x00080070, 0x00080100, 0x00080102, 0x00080103, 0x00080104, 0x00080112, 0x00080119, 0x00080120, 0x00080122),
        *(0x00081090, 0x00082120, 0x00082127, 0x00102201, 0x00102292, 0x00409210, 0x00420012),
    )
)
_FORMAL = frozenset(("AS", "CS", "DS", "IS"))


def action(element: Element, ds: DataSet) -> Do:
    """What is done with an attribute that the table has no row for; not asked for private ones."""
    allowed, vr = vrs_of(element.tag), element.likely_vr
    if vr not in allowed or (vr == "UN" and not element.is_sequence):
        return Do.REMOVE
    if vr == "SQ":
        return Do.INSIDE
    if vr == "UI":
        return Do.NEW_UID
    if element.tag in _KEPT:
        return Do.KEEP
    if vr in _WRITTEN_BY_PEOPLE or (vr in _SHORT_TEXTS and element.tag >> 16 in _GROUPS_OF_PEOPLE):
        return Do.REMOVE
    return Do.KEEP if vr not in _FORMAL or has_form(vr, text_of(element, ds.character_sets)) else Do.REMOVE
