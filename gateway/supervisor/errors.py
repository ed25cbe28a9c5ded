"""What keeps Gantry from starting, in words for the person who typed the command."""


class CannotStart(Exception):
    """The start is given up; the message is one sentence that says what to do."""
