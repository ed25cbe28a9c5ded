"""Users, API keys and tokens as JSON."""

from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import transaction
from django.utils import timezone
from rest_framework import serializers

from dicomnet.strict import StrictModelSerializer, StrictSerializer
from gateway.accounts.authentication import KeyHolder
from gateway.accounts.models import ApiKey, FailedSignIn, Role, Scope, Site, User
from gateway.accounts.sites import seen_by_new


class SeesSerializer(StrictModelSerializer):
    """Base of users and keys: which studies are there for them."""

    sites = serializers.SlugRelatedField[Site](
        slug_field="name",
        queryset=Site.objects.all(),
        many=True,
        required=False,
        help_text="By name: what is seen, where not everything is.",
    )


class UserSerializer(SeesSerializer):
    """A user; the password is only ever taken, never shown."""

    password = serializers.CharField(
        write_only=True,
        required=False,
        trim_whitespace=False,
        max_length=128,
        style={"input_type": "password"},
        help_text="Needed for a new user; leave it out to keep what there is.",
    )

    class Meta:
        model = User
        fields = [
            "id",
            "username",
            "first_name",
            "last_name",
            "email",
            "role",
            "is_active",
            "sees",
            "sites",
            "password",
            "last_login",
            "date_joined",
        ]
        read_only_fields = ["last_login", "date_joined"]

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """The rules for passwords, which look at the name too."""
        password = attrs.get("password")
        if password is None:
            if self.instance is None:
                raise serializers.ValidationError({"password": ["A new user needs a password."]})
            return attrs
        known = {
            name: value for name, value in attrs.items() if name in {"username", "email", "first_name", "last_name"}
        }
        person = User(**({"username": self.instance.username} if self.instance else {}) | known)
        try:
            validate_password(password, person)
        except DjangoValidationError as error:
            raise serializers.ValidationError({"password": error.messages}) from error
        return attrs

    def create(self, validated_data: dict[str, Any]) -> User:
        """A new user, its password hashed."""
        sites = validated_data.pop("sites", [])
        with transaction.atomic():
            user = User.objects.create_user(**{"sees": seen_by_new(), **validated_data})
            user.sites.set(sites)
        return user

    def update(self, instance: User, validated_data: dict[str, Any]) -> User:
        """A changed user."""
        password = validated_data.pop("password", None)
        if password is not None:
            instance.set_password(password)
        changed: User = super().update(instance, validated_data)
        return changed


class LockOutSerializer(StrictModelSerializer):
    """A user name that is locked out at an address."""

    class Meta:
        model = FailedSignIn
        fields = ["id", "username", "address", "attempts", "tried_at", "locked_until"]
        read_only_fields = fields


class ApiKeySerializer(SeesSerializer):
    """An API key without the key itself, which nobody can read again."""

    id = serializers.CharField(source="prefix", read_only=True, help_text="The first 8 characters of the key.")
    name = serializers.CharField(max_length=50, help_text="Which program uses it.")
    scopes = serializers.ListField(child=serializers.ChoiceField(choices=Scope.choices), allow_empty=False)
    expires_at = serializers.DateTimeField(source="expiry_date", required=False, allow_null=True)
    is_revoked = serializers.BooleanField(source="revoked", required=False, help_text="Cannot be undone.")
    created_at = serializers.DateTimeField(source="created", read_only=True)

    class Meta:
        model = ApiKey
        fields = [
            "id",
            "name",
            "scopes",
            "sees",
            "sites",
            "expires_at",
            "requests_per_minute",
            "is_revoked",
            "created_at",
            "last_used_at",
        ]
        read_only_fields = ["last_used_at"]

    def validate_scopes(self, value: list[str]) -> list[str]:
        """Each once, in the order of the table."""
        return [scope for scope in Scope.values if scope in value]

    def validate_expires_at(self, value: Any) -> Any:
        """A key that is born expired is a mistake in the date."""
        if value is not None and value <= timezone.now():
            raise serializers.ValidationError("This moment is past.")
        return value

    def validate_is_revoked(self, value: bool) -> bool:
        """Who found out that a key is revoked has replaced it; it does not come back to life."""
        if self.instance is not None and self.instance.revoked and not value:
            raise serializers.ValidationError("A revoked key stays revoked; make a new one.")
        return value


class NewApiKeySerializer(ApiKeySerializer):
    """The answer to a new API key: the one time that the key is shown."""

    key = serializers.CharField(read_only=True, help_text="Shown once. Send it as “Authorization: Api-Key <key>”.")

    class Meta(ApiKeySerializer.Meta):
        fields = [*ApiKeySerializer.Meta.fields, "key"]


class LoginSerializer(StrictSerializer):
    """A user name, a password, and a code."""

    username = serializers.CharField(max_length=150)
    password = serializers.CharField(max_length=128, trim_whitespace=False, style={"input_type": "password"})
    otp = serializers.CharField(
        max_length=32, required=False, help_text="The code of the second factor, where the user has one."
    )


class RefreshSerializer(StrictSerializer):
    """A refresh token."""

    refresh = serializers.CharField(max_length=4096)


class TokensSerializer(serializers.Serializer[Any]):
    """A pair of tokens."""

    access = serializers.CharField()
    refresh = serializers.CharField()


class MeSerializer(serializers.Serializer[Any]):
    """Who asks, person or API key."""

    username = serializers.SerializerMethodField()
    role = serializers.SerializerMethodField()
    is_api_key = serializers.SerializerMethodField()

    def get_username(self, who: Any) -> str:
        """The user's name, or that of the key."""
        return str(who.get_username())

    def get_role(self, who: Any) -> str | None:
        """The role that counts."""
        return Role.ADMINISTRATOR.value if who.is_administrator else who.role

    def get_is_api_key(self, who: Any) -> bool:
        """Whether a program asks."""
        return isinstance(who, KeyHolder)
