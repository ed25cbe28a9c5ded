"""What can go wrong in the archive; doors translate these into DIMSE statuses and HTTP problems."""


class StudiesError(Exception):
    """Base of the archive's errors; messages hold no patient data."""


class MalformedDataSet(StudiesError):
    """The bytes are not a data set in the transfer syntax they came in.

    Attributes:
        tag: the element where it shows, as an int; None when there is none.
    """

    def __init__(self, message: str, tag: int | None = None) -> None:
        super().__init__(message)
        self.tag = tag


class CutOffDataSet(MalformedDataSet):
    """The bytes end before the data set does."""


class WrongInstance(MalformedDataSet):
    """The data set is not the instance that the request names (PS3.4 B.2.3: 0xA9xx)."""


class InstanceMissing(StudiesError):
    """The index names a file that is not there."""


class InvalidQuery(StudiesError):
    """A query's identifier or parameters cannot be answered; the message names no value (PS3.4 C.4.1.1.4).

    Attributes:
        tag: the attribute in which it shows, as an int; None when there is none.
    """

    def __init__(self, message: str, tag: int | None = None) -> None:
        super().__init__(message)
        self.tag = tag
