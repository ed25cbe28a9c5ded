"""Addresses of the pages of accounts."""

from django.urls import path

from gateway.accounts.portal import api_keys, my_account, my_factor, sites, users

urlpatterns = [
    path("account/", my_account.MyAccount.as_view(), name="my-account"),
    path("account/password/", my_account.MyPassword.as_view(), name="my-password"),
    path("account/confirm/", my_account.ConfirmPassword.as_view(), name="confirm-password"),
    path("account/sessions/", my_account.end_other_sessions, name="my-sessions"),
    path("account/second-factor/", my_factor.MyFactor.as_view(), name="my-factor"),
    path("account/second-factor/codes/", my_factor.RecoveryCodes.as_view(), name="my-recovery-codes"),
    path("account/second-factor/remove/", my_factor.RemoveFactor.as_view(), name="my-factor-remove"),
    path("users/", users.UserList.as_view(), name="user-list"),
    path("users/new/", users.UserCreate.as_view(), name="user-create"),
    path("users/<int:pk>/", users.UserUpdate.as_view(), name="user-update"),
    path("users/<int:pk>/password/", users.UserPassword.as_view(), name="user-password"),
    path("users/<int:pk>/second-factor/", users.UserFactor.as_view(), name="user-factor"),
    path("users/<int:pk>/sessions/", users.end_all_sessions, name="user-sessions"),
    path("users/<int:pk>/delete/", users.UserDelete.as_view(), name="user-delete"),
    path("users/lock-outs/<int:pk>/lift/", users.lift_lock_out, name="lock-out-lift"),
    path("sites/", sites.SiteList.as_view(), name="site-list"),
    path("sites/new/", sites.SiteCreate.as_view(), name="site-create"),
    path("sites/<int:pk>/", sites.SiteUpdate.as_view(), name="site-update"),
    path("sites/<int:pk>/delete/", sites.SiteDelete.as_view(), name="site-delete"),
    path("api-keys/", api_keys.ApiKeyList.as_view(), name="api-key-list"),
    path("api-keys/new/", api_keys.ApiKeyCreate.as_view(), name="api-key-create"),
    path("api-keys/<slug:prefix>/", api_keys.ApiKeySites.as_view(), name="api-key-sites"),
    path("api-keys/<slug:prefix>/revoke/", api_keys.ApiKeyRevoke.as_view(), name="api-key-revoke"),
]
