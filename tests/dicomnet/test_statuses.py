"""Statuses and rejections in words (PS3.7 Annex C, PS3.4 Table B.2-1, PS3.8 Table 9-21)."""

import pytest

from dicomnet.statuses import in_words, is_stored, rejection_in_words


@pytest.mark.parametrize(
    ("status", "words", "stored"),
    [
        (0x0000, "0x0000 Success", True),
        (0x0001, "0x0001 Unknown status", True),
        (0x0107, "0x0107 Attribute list error", True),
        (0x0116, "0x0116 Unknown status", True),
        (0x0110, "0x0110 Processing failure", False),
        (0x0117, "0x0117 Invalid SOP Instance", False),
        (0x0122, "0x0122 SOP Class not supported", False),
        (0x0124, "0x0124 Not authorised", False),
        (0x0213, "0x0213 Resource limitation", False),
        (0xA700, "0xA700 Out of resources", False),
        (0xA7FF, "0xA7FF Out of resources", False),
        (0xA800, "0xA800 Unknown status", False),
        (0xA900, "0xA900 Data set does not match SOP Class", False),
        (0xB000, "0xB000 Warning: coercion of data elements", True),
        (0xB006, "0xB006 Warning: elements discarded", True),
        (0xB007, "0xB007 Warning: data set does not match SOP Class", True),
        (0xBFFF, "0xBFFF Warning", True),
        (0xC000, "0xC000 Cannot understand", False),
        (0xCFFF, "0xCFFF Cannot understand", False),
        (0xFE00, "0xFE00 Cancelled", False),
        (0xFFFF, "0xFFFF Unknown status", False),
    ],
)
def test_a_status_has_words_and_a_verdict(status: int, words: str, stored: bool) -> None:
    assert in_words(status) == words
    assert is_stored(status) is stored


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((1, 1, 3), "association rejected permanently: calling AE title not recognised"),
        ((1, 1, 7), "association rejected permanently: called AE title not recognised"),
        ((2, 3, 1), "association rejected for now: temporary congestion"),
        ((2, 3, 2), "association rejected for now: local limit exceeded"),
        ((0, 0, 0), "association rejected : a reason that the standard does not name"),
        ((1, 1, 99), "association rejected permanently: a reason that the standard does not name"),
    ],
)
def test_a_rejection_has_words(answer: tuple[int, int, int], words: str) -> None:
    assert rejection_in_words(*answer) == words
