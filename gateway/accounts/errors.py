"""What can go wrong with accounts; doors translate these."""

from django.utils.translation import ngettext


class LastAdministrator(Exception):
    """The change would leave nobody who may change anything; the message is for people."""


class TooManyRequests(Exception):
    """More than is allowed; the message is for people."""

    def __init__(self, words: str, *, retry_after_seconds: int) -> None:
        super().__init__(words)
        self.retry_after_seconds = retry_after_seconds


class SignInLocked(TooManyRequests):
    """The name was tried too often from this address; the same is said of names that do not exist."""

    def __init__(self, retry_after_seconds: int) -> None:
        minutes = -(-retry_after_seconds // 60)
        super().__init__(
            ngettext(
                "Too many attempts. Try again in %(minutes)d minute, or ask an administrator to lift the lock-out.",
                "Too many attempts. Try again in %(minutes)d minutes, or ask an administrator to lift the lock-out.",
                minutes,
            )
            % {"minutes": minutes},
            retry_after_seconds=retry_after_seconds,
        )
