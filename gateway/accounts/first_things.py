"""What somebody who signs in has to do before anything else opens, by whichever door."""

from gateway.accounts.models import User
from gateway.accounts.second_factor import must_set_up

WORDS = "Sign in on the portal's page first: it says what has to be done before this is allowed."


def first_thing(user: User) -> str | None:
    """The name of the page that comes first; None: there is nothing to be done."""
    if user.must_change_password:
        return "my-password"
    return "my-factor" if must_set_up(user) else None
