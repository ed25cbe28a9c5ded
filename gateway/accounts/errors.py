"""What can go wrong with accounts; doors translate these."""


class LastAdministrator(Exception):
    """The change would leave nobody who may change anything; the message is for people."""
