"""``Authorization: Bearer <access>``: programs that act for a person who has signed in."""

from typing import Any

from rest_framework.exceptions import AuthenticationFailed
from rest_framework_simplejwt.authentication import JWTAuthentication

from gateway.accounts.tokens import is_of_now


class BearerAuthentication(JWTAuthentication):
    """As simplejwt's, and it knows when a user's sessions were ended."""

    def get_user(self, validated_token: Any) -> Any:
        """The person for whom it acts.

        Raises:
            AuthenticationFailed: gone, not active, with another password, or signed out everywhere since.
        """
        user: Any = super().get_user(validated_token)
        if not is_of_now(validated_token.payload, user):
            raise AuthenticationFailed("This session was ended; sign in again.")
        return user
