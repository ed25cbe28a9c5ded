"""Application entity titles (PS3.5 6.2, VR AE)."""

import pytest
from django.core.exceptions import ValidationError

from dicomnet.ae_title import is_ae_title, validate_ae_title


@pytest.mark.parametrize("title", ["A", "GANTRY", "CT ROOM 1", "0123456789ABCDEF", "lower", "A_B-C.D*"])
def test_a_title_is_accepted(title: str) -> None:
    assert is_ae_title(title)
    validate_ae_title(title)


@pytest.mark.parametrize(
    "title", ["", " ", " A", "A ", "0123456789ABCDEFG", "A\\B", "A\n", "A\0", "A\x7f", "RÖNTGEN", "\u0421\u0422"]
)
def test_what_is_no_title_is_refused(title: str) -> None:
    assert not is_ae_title(title)
    with pytest.raises(ValidationError, match="1 to 16"):
        validate_ae_title(title)
