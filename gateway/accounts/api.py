"""API: sign in and out, who am I, users, lock-outs, API keys."""

from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.mixins import DestroyModelMixin, ListModelMixin
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.views import APIView
from rest_framework.viewsets import GenericViewSet, ModelViewSet

from gateway.accounts import attempts, tokens
from gateway.accounts.models import ApiKey, FailedSignIn, User
from gateway.accounts.people import an_administrator_remains, settle
from gateway.accounts.permissions import ANY_ROLE
from gateway.accounts.serializers import (
    ApiKeySerializer,
    LockOutSerializer,
    LoginSerializer,
    MeSerializer,
    NewApiKeySerializer,
    RefreshSerializer,
    TokensSerializer,
    UserSerializer,
)
from gateway.accounts.sites import seen_by_new


class TokenView(APIView):
    """Base of the views whose caller proves who it is with what it sends."""

    permission_classes = [AllowAny]
    authentication_classes = []

    def get_authenticate_header(self, request: Request) -> str:
        """So that a wrong password is a 401."""
        return "Bearer"


class Login(TokenView):
    """Sign in with user name and password."""

    @extend_schema(request=LoginSerializer, responses=TokensSerializer, auth=[])
    def post(self, request: Request) -> Response:
        """Answer with an access token of a few minutes, and a refresh token to renew it with."""
        given = LoginSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        return Response(TokensSerializer(tokens.sign_in(request, **given.validated_data)).data)


class Refresh(TokenView):
    """Renew an access token and the refresh token itself."""

    @extend_schema(request=RefreshSerializer, responses=TokensSerializer, auth=[])
    def post(self, request: Request) -> Response:
        """Answer with new tokens for a refresh token, which is used up; one that comes twice ends its family."""
        return Response(TokensSerializer(tokens.renew(_refresh_token(request))).data)


class Logout(TokenView):
    """End a refresh token."""

    @extend_schema(request=RefreshSerializer, responses={204: None}, auth=[])
    def post(self, request: Request) -> Response:
        """After this it renews nothing any more."""
        tokens.sign_out(_refresh_token(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


class Me(APIView):
    """Who is signed in."""

    required_permission = ANY_ROLE

    @extend_schema(responses=MeSerializer)
    def get(self, request: Request) -> Response:
        """Name and role of the caller."""
        return Response(MeSerializer(request.user).data)


class Users(ModelViewSet[User]):
    """Users and their roles."""

    queryset = User.objects.order_by("pk").prefetch_related("sites")
    serializer_class = UserSerializer
    lookup_value_regex = r"\d{1,18}"
    ordering_fields = ["username", "role", "last_login", "date_joined"]

    def perform_update(self, serializer: BaseSerializer[User]) -> None:
        """Refuse to take its role from the last administrator; who is disabled is out at once."""
        with an_administrator_remains():
            settle(serializer.save())

    def perform_destroy(self, instance: User) -> None:
        """Refuse to delete the last administrator."""
        with an_administrator_remains():
            instance.delete()


class LockOuts(ListModelMixin, DestroyModelMixin, GenericViewSet[FailedSignIn]):
    """User names that are locked out at an address; to delete one lifts it."""

    queryset = FailedSignIn.objects.order_by("pk")
    serializer_class = LockOutSerializer
    lookup_value_regex = r"\d{1,18}"
    ordering_fields = ["locked_until", "username"]

    def get_queryset(self) -> QuerySet[FailedSignIn]:
        """Those that still last."""
        return attempts.locked()


class ApiKeys(ModelViewSet[ApiKey]):
    """API keys of programs."""

    queryset = ApiKey.objects.order_by("-created", "prefix").prefetch_related("sites")
    serializer_class = ApiKeySerializer
    lookup_field = "prefix"
    lookup_url_kwarg = "id"
    lookup_value_regex = "[A-Za-z0-9]{8}"
    ordering_fields = ["name", "created"]

    @extend_schema(request=ApiKeySerializer, responses={201: NewApiKeySerializer})
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Make a key. The answer holds it; it cannot be shown again."""
        given = self.get_serializer(data=request.data)
        given.is_valid(raise_exception=True)
        values = {"sees": seen_by_new(), **given.validated_data}
        sites = values.pop("sites", [])
        api_key: Any
        with transaction.atomic():
            api_key, key = ApiKey.objects.create_key(**values)
            api_key.sites.set(sites)
        shown = self.get_serializer(api_key).data | {"key": key}
        return Response(shown, status=status.HTTP_201_CREATED)


def _refresh_token(request: Request) -> str:
    given = RefreshSerializer(data=request.data)
    given.is_valid(raise_exception=True)
    return str(given.validated_data["refresh"])
