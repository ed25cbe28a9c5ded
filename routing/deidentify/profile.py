"""Apply the Basic Application Level Confidentiality Profile and its options to a data set (PS3.15 E.2, E.3)."""

from collections.abc import Callable

from routing.deidentify import unlisted
from routing.deidentify.burned_in import refuse_what_may_name
from routing.deidentify.dates import moved
from routing.deidentify.dummies import dummy, dummy_items
from routing.deidentify.items import put_sequence
from routing.deidentify.options import ACCEPT_BURNED_IN_RISK
from routing.deidentify.pseudonyms import Pseudonyms
from routing.deidentify.said import say_what_was_done
from routing.deidentify.table import Do, row_of
from routing.deidentify.uids import is_uid, replace_uids
from routing.deidentify.words import cleaned, identifying_words, names_somebody, text_of
from routing.elements import DataSet, Element
from routing.tags import is_private, vr_of, vrs_of
from routing.values import BadValue, encode

PATIENT_NAME, PATIENT_ID, ISSUER_OF_PATIENT_ID, PATIENT_BIRTH_DATE = 0x00100010, 0x00100020, 0x00100021, 0x00100030
STUDY_INSTANCE_UID = 0x0020000D
CLINICAL_TRIAL_SUBJECT_ID = 0x00120040
_STUDY_SERIES_INSTANCE = (0x00080018, STUDY_INSTANCE_UID, 0x0020000E)
_TEXT_VALUE = 0x0040A160  # what a content item says in words
_TEXT_OBJECT_SEQUENCE, _COMPOUND_GRAPHIC_SEQUENCE = 0x00700008, 0x00700209  # writing among the graphics
# Private elements that the standard lists as safe (PS3.15 E.3.10): creator, group, last byte of the number, VR.
_SAFE_PRIVATE = {("Philips PET Private Group", 0x7053, 0x00): "DS", ("Philips PET Private Group", 0x7053, 0x09): "DS"}


def deidentify(
    ds: DataSet, options: frozenset[str], pseudonyms: Pseudonyms, identifying: frozenset[str] = frozenset()
) -> None:
    """Take out of a data set what identifies the patient and others, and say so in it.

    Args:
        identifying: words that must not stay, beside those of the names and identifiers in the data set.

    Raises:
        MayName: it may name the patient where this does not reach.
        BadDataSet: a sequence in it cannot be followed.
    """
    refuse_what_may_name(ds, is_risk_accepted=ACCEPT_BURNED_IN_RISK in options)
    profile = _Profile(ds, options, pseudonyms, identifying)
    profile.clean(ds)
    for tag in _STUDY_SERIES_INSTANCE:
        element = ds.get(tag)
        if element is None or not bytes(element.value).strip(b"\0 "):
            raise BadValue("one of the UIDs of study, series and instance is missing")
    ds.put(PATIENT_ID, "LO", profile.pseudonym.encode())
    ds.put(PATIENT_NAME, "PN", profile.pseudonym.encode())
    say_what_was_done(ds, options)


class _Profile:
    """The profile with its options, for one instance."""

    def __init__(
        self, ds: DataSet, options: frozenset[str], pseudonyms: Pseudonyms, identifying: frozenset[str]
    ) -> None:
        self._options, self._pseudonyms = options, pseudonyms
        self._patient = _patient_of(ds)
        self._identifying = identifying | identifying_words(ds)
        self.pseudonym = pseudonyms.patient_id(self._patient)
        self._does: dict[Do, Callable[[Element, DataSet], bool]] = {
            Do.REMOVE: self._remove,
            Do.EMPTY: self._empty,
            Do.DUMMY: self._replace,
            Do.NEW_UID: self._new_uid,
            Do.INSIDE: self._inside,
            Do.KEEP: self._keep,
            Do.CLEAN: self._clean,
        }

    def clean(self, ds: DataSet) -> None:
        """Every element of a data set or an item, by its action."""
        safe = self._safe_private(ds)
        wanted = {
            id(element)
            for element in ds.elements
            if (element.tag in safe if is_private(element.tag) else self._does[self._action(element, ds)](element, ds))
        }
        ds.retain(lambda element: id(element) in wanted)

    def _action(self, element: Element, ds: DataSet) -> Do:
        tag = element.tag
        if tag >> 16 < 8 or 0x5000 <= tag >> 16 <= 0x50FF or 0x6000 <= tag >> 16 <= 0x60FF:
            return Do.REMOVE  # of messages and files; curves and overlays, whose drawings may be writing
        if tag == _TEXT_VALUE and "clean_structured_content" in self._options:
            return Do.CLEAN
        if tag in {_TEXT_OBJECT_SEQUENCE, _COMPOUND_GRAPHIC_SEQUENCE}:
            return Do.REMOVE
        row = row_of(tag)
        if row is not None:
            return row.action(self._options)
        action = unlisted.action(element, ds)
        return Do.KEEP if action is Do.NEW_UID and "retain_uids" in self._options else action

    def _remove(self, element: Element, ds: DataSet) -> bool:
        return False

    def _empty(self, element: Element, ds: DataSet) -> bool:
        element.replace(_proper_vr(element), b"")
        return True

    def _replace(self, element: Element, ds: DataSet) -> bool:
        vr = _proper_vr(element)
        if element.tag in {CLINICAL_TRIAL_SUBJECT_ID, PATIENT_ID}:
            element.replace("LO", self.pseudonym.encode())
        elif vr == "SQ":
            put_sequence(ds, element.tag, dummy_items(element.tag))
        elif vr == "UI":
            return self._new_uid(element, ds)
        else:
            element.replace(vr, dummy(vr))
        return True

    def _new_uid(self, element: Element, ds: DataSet) -> bool:
        replace_uids(element, self._pseudonyms)
        return True

    def _inside(self, element: Element, ds: DataSet) -> bool:
        if not element.is_sequence:
            return False
        for item in element.items:
            self.clean(item)
        return True

    def _keep(self, element: Element, ds: DataSet) -> bool:
        """As it is, if it is what the dictionary says and names nobody."""
        if element.is_sequence:
            return self._inside(element, ds)
        if element.likely_vr not in vrs_of(element.tag):
            return False
        text = text_of(element, ds.character_sets)
        if element.likely_vr == "UI":
            return is_uid(text) or self._new_uid(element, ds)
        if not text or not names_somebody(text, self._identifying):
            return True
        return self._replace(element, ds)

    def _clean(self, element: Element, ds: DataSet) -> bool:
        """Dates moved, words chosen; what cannot be cleaned has the basic action."""
        row, vr = row_of(element.tag), vr_of(element.tag)
        basic = Do.DUMMY if row is None else row.basic
        if element.is_sequence:
            return self._inside(element, ds)
        text = text_of(element, ds.character_sets)
        if element.likely_vr == vr and vr in {"DA", "DT", "TM"}:
            shifted = moved(vr, text, self._pseudonyms.days(self._patient))
            if shifted is not None:
                element.replace(vr, shifted.encode("ascii"))
                return True
        elif element.likely_vr == vr and vr in {"LO", "LT", "SH", "ST", "UC", "UT"}:
            words = cleaned(text, self._identifying)
            if words:
                element.replace(vr, encode(vr, words, ds.character_sets, ds.encoding.sign))
                return True
        return self._does[basic](element, ds)

    def _safe_private(self, ds: DataSet) -> set[int]:
        """Tags of the private elements that stay, with their creators."""
        if "retain_safe_private" not in self._options:
            return set()
        safe: set[int] = set()
        for element in ds.elements:
            creator_tag = element.tag & 0xFFFF0000 | element.tag >> 8 & 0xFF
            creator = ds.text(creator_tag) if is_private(element.tag) else ""
            vr = _SAFE_PRIVATE.get((creator, element.tag >> 16, element.tag & 0xFF))
            if vr and element.tag & 0xFF00 and element.vr in {vr, "", "UN"} and _is_number(element):
                safe |= {element.tag, creator_tag}
        return safe


def _patient_of(ds: DataSet) -> str:
    """What the pseudonym follows from: the Patient ID with its issuer, else the name and birth date, else the study."""

    def text(tag: int) -> str:
        element = ds.get(tag)
        return "" if element is None else text_of(element, ds.character_sets)

    if text(PATIENT_ID):
        return f"{text(ISSUER_OF_PATIENT_ID)}\0{text(PATIENT_ID)}"
    if text(PATIENT_NAME):
        return f"{text(PATIENT_NAME)}\0{text(PATIENT_BIRTH_DATE)}\0"
    return f"{text(STUDY_INSTANCE_UID)}\0\0\0"


def _proper_vr(element: Element) -> str:
    """The VR of the dictionary: what an instance calls it may be wrong."""
    vr = vr_of(element.tag)
    return element.likely_vr if vr == "UN" else vr


def _is_number(element: Element) -> bool:
    return bytes(element.value).strip(b"\0 0123456789.+-eE\\") == b""
