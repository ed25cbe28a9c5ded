"""What each role may do: the whole table against every permission there is."""

import pytest
from django.contrib.auth import authenticate
from django.contrib.auth.models import AnonymousUser, Group, Permission

from gateway.accounts.authentication import KeyHolder
from gateway.accounts.backends import permission_names
from gateway.accounts.models import ApiKey, Role, User
from gateway.accounts.roles import highest_role, role_may
from tests.factories import PASSWORD, UserFactory

VIEWER = {
    "analytics.view_mark",
    "analytics.view_stock",
    "analytics.view_tally",
    "dicomnet.view_allowlistentry",
    "dicomnet.view_remotenode",
    "routing.view_aipool",
    "routing.view_airequest",
    "routing.view_airesult",
    "routing.view_aiworker",
    "routing.view_attempt",
    "routing.view_backtest",
    "routing.view_backteststudy",
    "routing.view_decision",
    "routing.view_delivery",
    "routing.view_destination",
    "routing.view_discard",
    "routing.view_proofrequest",
    "routing.view_rule",
    "routing.view_ruleversion",
    "routing.view_shadowmatch",
    "spanner.view_configsource",
    "spanner.view_query",
    "spanner.view_source",
    "spanner.view_sourceanswer",
    "spanner.view_sourceminute",
    "spanner.view_spanningconfig",
    "spanner.view_fetch",
    "studies.view_change",
    "studies.view_commitment",
    "studies.view_commitmentitem",
    "studies.view_conflict",
    "studies.view_deletedfile",
    "studies.view_deletion",
    "studies.view_identityclash",
    "studies.view_instance",
    "studies.view_series",
    "studies.view_sourcepace",
    "studies.view_study",
    "studies.view_studylabel",
    "studies.view_unreadablefile",
    "tiering.view_copy",
    "tiering.view_location",
    "tiering.view_damage",
    "tiering.view_datakey",
    "tiering.view_move",
    "tiering.view_scrubrange",
    "tiering.view_pack",
    "tiering.view_policy",
    "tiering.view_tierchange",
    "tiering.view_tiersample",
    "tiering.view_locationslot",
}
OPERATOR = VIEWER | {
    "nodes.view_node",
    "nodes.view_process",
    "nodes.view_systemevent",
    "routing.change_delivery",
    "spanner.add_query",
    "spanner.add_fetch",
    "spanner.change_fetch",
    "studies.add_instance",
    "studies.change_study",
    "tiering.add_move",
    "tiering.change_move",
}
OURS = (
    *("accounts.", "analytics.", "audit.", "configuration.", "nodes.", "webhooks."),
    *("dicomnet.", "routing.", "studies.", "tiering.", "spanner."),
)


@pytest.mark.parametrize(("role", "expected"), [(Role.VIEWER, VIEWER), (Role.OPERATOR, OPERATOR)])
def test_a_role_has_these_permissions_and_no_other(role: Role, expected: set[str]) -> None:
    assert {name for name in permission_names() if role_may(role, name)} == expected


def test_an_administrator_has_all() -> None:
    assert all(role_may(Role.ADMINISTRATOR, name) for name in permission_names())


@pytest.mark.parametrize("role", ["", "root", "Administrator", "metrics"])
def test_a_role_that_does_not_exist_has_none(role: str) -> None:
    assert not any(role_may(role, name) for name in permission_names())


@pytest.mark.django_db
def test_the_names_are_those_that_django_makes() -> None:
    made = {f"{p.content_type.app_label}.{p.codename}" for p in Permission.objects.select_related("content_type")}

    assert {name for name in permission_names() if name.startswith(OURS)} == {
        name for name in made if name.startswith(OURS)
    }


@pytest.mark.django_db
@pytest.mark.parametrize(("role", "expected"), [(Role.VIEWER, VIEWER), (Role.OPERATOR, OPERATOR)])
def test_a_user_is_answered_by_the_role(role: Role, expected: set[str]) -> None:
    person: User = UserFactory.create(role=role)

    assert {name for name in permission_names() if person.has_perm(name)} == expected
    assert person.get_all_permissions() == expected
    assert person.has_module_perms("studies")
    assert not person.has_module_perms("accounts")


@pytest.mark.django_db
def test_groups_and_single_permissions_add_nothing() -> None:
    person: User = UserFactory.create(role=Role.VIEWER)
    group = Group.objects.create(name="everything")
    group.permissions.set(Permission.objects.all())
    person.groups.add(group)
    person.user_permissions.set(Permission.objects.all())

    assert not person.has_perm("routing.delete_destination")
    assert person.get_all_permissions() == VIEWER


@pytest.mark.django_db
def test_who_is_not_active_may_nothing_and_does_not_get_in() -> None:
    person: User = UserFactory.create(username="left", role=Role.ADMINISTRATOR, is_active=False)

    assert not person.has_perm("studies.view_study")
    assert authenticate(username="left", password=PASSWORD) is None


def test_nobody_may_nothing() -> None:
    assert not AnonymousUser().has_perm("studies.view_study")


@pytest.mark.parametrize(
    ("scopes", "role"),
    [
        (["viewer"], "viewer"),
        (["viewer", "operator"], "operator"),
        (["administrator", "metrics"], "administrator"),
        (["metrics"], None),
        ([], None),
    ],
)
def test_a_key_has_the_highest_role_of_its_scopes(scopes: list[str], role: str | None) -> None:
    holder = KeyHolder(ApiKey(name="k", scopes=scopes))

    assert holder.role == role
    assert holder.has_perm("studies.view_study") == (role is not None)
    assert holder.has_perms(["studies.view_study", "accounts.add_user"]) == (role == "administrator")


def test_the_highest_role_knows_the_order() -> None:
    assert highest_role(["administrator", "viewer"]) == Role.ADMINISTRATOR
