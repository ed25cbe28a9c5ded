"""What is written is read again as the same, whatever it holds."""

from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dicomnet.models import AllowlistEntry, RemoteNode
from gateway.audit.configuration import CONFIGURATION
from gateway.configuration.changes import What
from gateway.configuration.export import export
from gateway.configuration.kinds import KINDS, LEFT_OUT
from gateway.configuration.parse import parse
from routing.models import AIPool, AIWorker, Destination, Rule
from routing.rules import save_rule
from spanner.models import ConfigSource, Source, SpanningConfig
from studies.models import SourcePace
from tests.gateway.configuration.whole import SECRET, load, make_whole, state, wipe
from tiering.models import Policy

pytestmark = pytest.mark.django_db


def test_two_exports_are_the_same_bytes() -> None:
    make_whole()

    assert export() == export()


@pytest.mark.parametrize("secrets", ["kept", "env", "file"])
def test_no_secret_is_written(secrets: str) -> None:
    make_whole()

    text = export(secrets=secrets)

    assert SECRET not in text
    assert Destination.objects.get(name="cloud").secret not in text
    assert "secret_key:" in text


def test_importing_an_export_changes_nothing() -> None:
    make_whole()
    before = state()

    outcome = load(export(), prune=True)

    assert (outcome.changes, outcome.snapshot) == ([], None)
    assert outcome.unchanged == 15
    assert state() == before


def test_what_is_wiped_comes_back_byte_for_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    make_whole()
    kept, text = export(), export(secrets="env")
    monkeypatch.setenv("GANTRY_DEST_CLOUD_PASSWORD", SECRET)
    monkeypatch.setenv("GANTRY_TIER_BUCKET_SECRET_KEY", SECRET)
    wipe()

    outcome = load(text)

    assert {change.what for change in outcome.changes} == {What.ADDED}
    assert export() == kept
    assert export(secrets="env") == text


def test_every_setting_is_in_the_document_or_left_out_for_a_reason() -> None:
    written = {kind.model._meta.label for kind in KINDS}

    assert set(CONFIGURATION) <= written | set(LEFT_OUT)
    assert not written & set(LEFT_OUT)


def test_every_field_that_the_api_takes_is_in_the_document() -> None:
    not_settings = {"id", "reason", "created_at", "updated_at"}
    for kind in KINDS:
        fields = kind.serializer().fields
        settable = {name for name, field in fields.items() if not field.read_only} - not_settings
        assert settable <= set(kind.known()), kind.name


ODD_TITLES = [
    "ON",
    "no",
    "123",
    "0010",
    "1E3",
    "0x1F",
    "TRUE",
    "null",
    "~",
    "=",
    "<<",
    "22:00",
    "1.5",
    "- A",
    "A: B",
    "#A",
]
TEXTS = st.one_of(
    st.sampled_from(
        [*ODD_TITLES, "  ", "é “x”", "a\n b", "a: b", "'", '"', "\u2028", "🩻", "!!x", "&a", "*a", "%", "@", "`"]
    ),
    st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=40),
).map(str.strip)
NAMES = st.lists(TEXTS.filter(bool).map(lambda text: text[:60].strip()), min_size=2, max_size=3, unique=True)
TITLES = st.lists(st.sampled_from(ODD_TITLES).map(str.strip), min_size=2, max_size=3, unique=True)


@given(names=NAMES, titles=TITLES, text=TEXTS, number=st.integers(1, 600), flag=st.booleans())
@settings(max_examples=5, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_any_configuration_comes_back_byte_for_byte(
    names: list[str], titles: list[str], text: str, number: int, flag: bool
) -> None:
    with transaction.atomic():
        _make(names, titles, text, number, flag)
        first = export()
        before = state()
        assert load(first).changes == []
        assert state() == before
        wipe()

        load(first)

        assert export() == first
        transaction.set_rollback(True)


def _make(names: list[str], titles: list[str], text: str, number: int, flag: bool) -> None:
    for at, title in enumerate(titles):
        AllowlistEntry.objects.create(calling_ae_title=title, network=f"10.1.{at}.0/24", may_get=flag, comment=text)
        RemoteNode.objects.create(ae_title=title, host="10.1.2.3", port=number + at, comment=text)
        SourcePace.objects.create(calling_ae_title=title, ceiling_seconds=number, floor_seconds=1 if flag else None)
    destinations = [
        Destination.objects.create(
            name=name, ae_title=titles[0], host="10.1.2.4", port=number, comment=text, is_enabled=flag
        )
        for name in names
    ]
    pools = [AIPool.objects.create(name=name, algorithm=text) for name in names[:2]]
    for pool in pools:
        pool.result_destinations.set(destinations[:2])
        AIWorker.objects.create(name=pool.name, pool=pool, ae_title=titles[1], host="10.1.2.5", weight=number % 100 + 1)
    value: Any = text or "x"
    for at, name in enumerate(reversed(names)):
        condition = {"attribute": "StudyDescription", "operator": "equals", "value": value}
        action = {"action": "map", "attribute": "StationName", "table": {name: "A"}, "default": {"value": "B"}}
        rule = Rule(
            name=name, order=at // 2, comment=text, is_enabled=flag, conditions=[{"any": [condition, condition]}]
        )
        rule.actions = [action] if at else []
        save_rule(rule, destinations=destinations[at:], ai_pools=pools if flag else [])
    Policy.objects.create(name=names[0], conditions={"older_than_days": number}, is_enabled=flag)
    sources = [Source.objects.create(name=name, ae_title=titles[0], host="10.1.2.6", port=number) for name in names]
    config = SpanningConfig.objects.create(name=f"f{number}", description=text)
    for at, source in enumerate(sources):
        ConfigSource.objects.create(
            config=config, source=source, priority=at // 2, timeout_override=number if at else None
        )


@pytest.mark.embedded
@pytest.mark.parametrize("text", ["no", "on", "0010", "22:00", "1_000", "0x1F", "1e3", ".5", "2026-11-28", "=", "y"])
def test_plain_words_are_text(text: str) -> None:
    assert parse(f"version: {text}").value == {"version": text}


@pytest.mark.embedded
def test_numbers_and_switches_are_what_they_look_like() -> None:
    assert parse("{a: 12, b: -0.5, c: true, d: null, e: '7', f: False}").value == {
        "a": 12,
        "b": -0.5,
        "c": True,
        "d": None,
        "e": "7",
        "f": False,
    }
