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


class InstanceOffline(InstanceMissing):
    """The instance is on a slower tier; it has been asked for, and can be read when it is back.

    Attributes:
        retry_seconds: when to ask again.
    """

    def __init__(self, tier: str, retry_seconds: int) -> None:
        super().__init__(f"on the tier {tier}, and being recalled: ask again in a while")
        self.retry_seconds = retry_seconds


class InvalidQuery(StudiesError):
    """A query's identifier or parameters cannot be answered; the message names no value (PS3.4 C.4.1.1.4).

    Attributes:
        tag: the attribute in which it shows, as an int; None when there is none.
    """

    def __init__(self, message: str, tag: int | None = None) -> None:
        super().__init__(message)
        self.tag = tag


class InstanceDamaged(StudiesError):
    """The stored file is not, or not any more, what was acknowledged."""


class NoPixels(StudiesError):
    """The instance has no pixel data of the kind that is asked for."""


class NoSuchFrame(StudiesError):
    """The instance has fewer frames."""


class NoSuchValue(StudiesError):
    """The instance has no such attribute, or none with a value of bytes."""


class CannotDecode(StudiesError):
    """The pixel data cannot be decoded or be given the form that is asked for; the message says why."""


class NotStored(StudiesError):
    """Nothing is stored under these UIDs."""


class DeletionRefused(StudiesError):
    """Something else needs what was to be deleted."""
