from datetime import UTC, datetime, timedelta

import pytest

from gateway.portal import words

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("Doe^Jane", "Doe, Jane"),
        ("Doe^Jane^Mary^Dr^", "Doe, Jane Mary"),
        ("Doe", "Doe"),
        ("^Jane", "Jane"),
        ("Yamada^Tarou=山田^太郎=やまだ^たろう", "Yamada, Tarou"),
        ("=山田^太郎", "山田, 太郎"),
        ("", ""),
    ],
)
def test_person_name(value: str, shown: str) -> None:
    assert words.person_name(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"), [("20261120", "2026-11-20"), ("20261399", "20261399"), ("2026.11.20", "2026.11.20"), ("", "")]
)
def test_iso_date(value: str, shown: str) -> None:
    assert words.iso_date(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1_000, "1.0 kB"),
        (526_336, "526 kB"),
        (999_600, "1.0 MB"),
        (2_040_000_000, "2.0 GB"),
    ],
)
def test_size(value: int, shown: str) -> None:
    assert words.size(value) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "now"),
        (59, "59 s ago"),
        (60, "1 min ago"),
        (-90, "in 1 min"),
        (7_200, "2 h ago"),
        (-86_400, "in 1 d"),
        (40 * 86_400, "2026-10-12"),
    ],
)
def test_relative(seconds: int, shown: str) -> None:
    assert words.relative(NOW - timedelta(seconds=seconds), NOW) == shown


def test_uid_name_of_an_unknown_uid_is_the_uid() -> None:
    assert words.uid_name("1.2.840.10008.1.2.1") == "Explicit VR Little Endian"
    assert words.uid_name("1.2.3.4") == "1.2.3.4"
