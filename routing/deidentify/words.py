"""Words: those of medicine that may stay in a description, and those that identify somebody in this instance."""

import re
from contextlib import suppress
from functools import cache
from typing import Any

from routing.elements import DataSet, Element
from routing.encoding import BadDataSet
from routing.values import TEXTS, TRANSLATED
from studies.character_sets import NAME_DELIMITERS, TEXT_DELIMITERS, character_sets

# Attributes whose values name the patient, or an order for the patient, wherever they stand in this instance.
_IDENTIFIERS = frozenset(
    (0x00080050, 0x00100020, 0x00100030, 0x00101000, 0x00101002, 0x00102154, 0x00321066, 0x00380010, 0x00401001)
)
# Letters, letters of other scripts, digits: what is shorter is found in anything.
_MINIMUM_NAME, _MINIMUM_OTHER_NAME, _MINIMUM_NUMBER = 3, 2, 4
_WORD = re.compile(r"[^\W_]+")
_NUMBER = re.compile(r"\d{1,3}(\.\d{1,3})?(mm|cm|s|ms|kv|ma|x|d)?")
_OF_IMAGING = """
    2d 3d 4d t1 t2 t1w t2w pd flair dwi adc tse fse gre epi stir dixon mprage space vibe haste swi tof mra mrv cta ctv
    ax axial sag sagittal cor coronal tra transverse obl oblique ap pa lat lateral rl lr hf fh
    w wo with without ce pre post contrast native arterial venous portal delayed phase
    recon mpr mip minip thin thick soft lung bone tissue kernel slice slices scout topogram localizer series
    abd pelvis neck spine c l t hr hrct low dose routine fast protocol standard
"""


def text_of(element: Element, terms: bytes) -> str:
    """What its bytes say, valid or not; empty for what is no text."""
    vr = element.likely_vr
    if vr not in TEXTS:
        return ""
    delimiters = NAME_DELIMITERS if vr == "PN" else TEXT_DELIMITERS
    sets = character_sets(terms if vr in TRANSLATED else b"")
    return sets.text(bytes(element.value), delimiters).text.replace("\0", " ").strip()


def identifying_words(ds: DataSet) -> frozenset[str]:
    """The words of all names and identifiers in the data set, its sequences included."""
    found: set[str] = set()
    for element in ds.elements:
        if element.is_sequence:
            with suppress(BadDataSet):  # it is removed, or refused by who has to look into it
                for item in element.items:
                    found |= identifying_words(item)
        elif element.likely_vr == "PN" or element.tag in _IDENTIFIERS:
            text = text_of(element, ds.character_sets)
            found |= {word for word in words_of(text) if _is_telling(word)}
            if element.tag in _IDENTIFIERS and len(text) >= _MINIMUM_NUMBER:
                found.add(text.casefold())
    return frozenset(found)


def words_of(text: str) -> set[str]:
    """Its words, without regard to case."""
    return {word.casefold() for word in _WORD.findall(text)}


def names_somebody(text: str, identifying: frozenset[str]) -> bool:
    """One of these words stands in the text, or an identifier of several words does."""
    folded = text.casefold()
    return not identifying.isdisjoint(words_of(text)) or any(
        identifier in folded
        for identifier in identifying
        if not (identifier.isascii() and _WORD.fullmatch(identifier))  # not every script puts spaces between words
    )


def cleaned(text: str, identifying: frozenset[str]) -> str:
    """Of a description, the words of medicine and small numbers, in their order."""
    known = vocabulary()
    kept = [
        word
        for word in re.findall(r"\d+\.\d+(?:mm|cm|s)?|[^\W_]+", text)
        if word.casefold() not in identifying and (word.casefold() in known or _NUMBER.fullmatch(word.casefold()))
    ]
    return " ".join(kept)


@cache
def vocabulary() -> frozenset[str]:
    """The words of the code meanings that the standard uses (PS3.16), as pydicom lists them.

    A word that stands there with a capital only, and not alone, is most likely somebody's name.
    """
    from pydicom.sr._concepts_dict import concepts  # takes half a second, and only this option needs it

    found = set(_OF_IMAGING.split())
    schemes: Any = concepts
    for scheme in schemes.values():
        for codes in scheme.values():
            for meaning, _ in codes.values():
                words = re.findall(r"[A-Za-z]{3,}", meaning)
                found |= {word for word in words if word.islower()}
                if len(words) == 1:
                    found.add(words[0].casefold())
    return frozenset(found)


def _is_telling(word: str) -> bool:
    if word.isdecimal():
        return len(word) >= _MINIMUM_NUMBER
    return len(word) >= (_MINIMUM_NAME if word.isascii() else _MINIMUM_OTHER_NAME)
