"""What the value of a query key matches, by its VR (PS3.4 C.2.2.2): pure, it knows no database.

``parse`` makes a matcher of a key's value. A matcher is data that a database can be asked with (``studies.query.
conditions``) and, in Python, the last word on what matches: ``matcher.matches(value)``.
"""

from studies.matching.matchers import (
    Empty,
    Matcher,
    Moment,
    OneOf,
    Range,
    Single,
    Universal,
    Wildcard,
)
from studies.matching.names import FuzzyName, Name
from studies.matching.parse import parse

__all__ = [
    "Empty",
    "FuzzyName",
    "Matcher",
    "Moment",
    "Name",
    "OneOf",
    "Range",
    "Single",
    "Universal",
    "Wildcard",
    "parse",
]
