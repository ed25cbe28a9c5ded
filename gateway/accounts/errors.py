"""What can go wrong with accounts; doors translate these."""


class LastAdministrator(Exception):
    """The change would leave nobody who may change anything; the message is for people."""


class SignInLocked(Exception):
    """The name was tried too often from this address; the same is said of names that do not exist."""

    def __init__(self, retry_after_seconds: int) -> None:
        self.retry_after_seconds = retry_after_seconds
        minutes = -(-retry_after_seconds // 60)
        super().__init__(
            f"Too many attempts. Try again in {minutes} minute{'s' if minutes > 1 else ''}, "
            "or ask an administrator to lift the lock-out."
        )
