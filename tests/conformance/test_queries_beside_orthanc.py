"""The same generated queries to Gantry and to Orthanc over the same instances: what differs is in a table.

Each class of difference names the section of the standard by which Gantry's answer is right, or may be so; any other
difference fails the test.
"""

import json
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset
from pydicom.multival import MultiValue
from pytest_django import Settings

from dicomnet.allowlist import Entry, Rights
from dicomnet.find import STUDY_ROOT
from dicomnet.wire.find import FindAssociation, FindLimits, FindRefused
from gateway.env import BASE_DIR, Environment
from studies.dimse import local_spool
from studies.index import index_spool
from studies.models import Instance
from tests.api_clients import client_of
from tests.conformance.questions import DIFFERENCES, Question, files, instances, questions
from tests.corpus import EXPLICIT, encoded
from tests.debian import PACKAGES, missing_packages
from tests.journeys.dcmtk import orthanc
from tests.peers import gantry, peer
from tests.studies.receiving import receive

NEEDED = {name: PACKAGES[name] for name in ("orthanc", "orthanc-dicomweb")}
pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.peers,
    pytest.mark.skipif(bool(missing_packages(NEEDED)), reason="apt-get install orthanc orthanc-dicomweb"),
]
MAY_FIND = Entry("*", "127.0.0.0/8", "", Rights(may_find=True))
COUNT = 200  # of each kind
UNIQUE = {"STUDY": "StudyInstanceUID", "SERIES": "SeriesInstanceUID", "IMAGE": "SOPInstanceUID"}
RESOURCES = {"STUDY": "studies", "SERIES": "series", "IMAGE": "instances"}


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, int]]:
    """An Orthanc that holds the instances: its DICOM and its HTTP port."""
    folder = tmp_path_factory.mktemp("orthanc")
    plugin = {"Plugins": [NEEDED["orthanc-dicomweb"]], "DicomAlwaysAllowFind": True, "DefaultEncoding": "Utf8"}
    with orthanc(folder / "run", **plugin) as (dicom_port, http_port):
        for path in files(folder):
            url = f"http://127.0.0.1:{http_port}/instances"
            request = urllib.request.Request(url, data=path.read_bytes(), method="POST")
            with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310 (loopback)
                assert response.status == 200
        yield dicom_port, http_port


@pytest.fixture
def archive(home: Environment) -> None:
    spool = local_spool()
    for ds in instances():
        more = {element.keyword: element.value for element in ds}
        uids = (str(more.pop(word)) for word in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"))
        study, series, uid = uids
        del more["SOPClassUID"]
        receive(spool, study=study, series=series, uid=uid, **more)
    index_spool(spool, seconds=60)
    assert Instance.objects.count() == 60


def by_c_find(port: int, called: str, asked: Question) -> Any:
    """What is answered, by unique key; the status when it is a failure."""
    ds = Dataset()
    ds.SpecificCharacterSet, ds.QueryRetrieveLevel = "ISO_IR 192", asked.level
    setattr(ds, UNIQUE[asked.level], "")
    for keyword, value in asked.keys.items():
        setattr(ds, keyword, value.split("\\") if "\\" in value else value)
    context = (STUDY_ROOT, EXPLICIT)
    with FindAssociation(peer(port, called), [context]) as assoc:
        try:
            with assoc.find(context, encoded(ds, EXPLICIT), FindLimits()) as finding:
                found = [read_dataset(BytesIO(data), False, True) for data in finding]
        except FindRefused as refused:
            return refused.status
    return {str(one[UNIQUE[asked.level]].value): {word: _words(one.get(word)) for word in asked.keys} for one in found}


def _words(value: Any) -> Any:
    if value is None:
        return ""
    text = "\\".join(map(str, value)) if isinstance(value, MultiValue) else str(value)
    return text.rstrip("^= ")


def address(asked: Question, *, unescaped: str = "") -> str:
    """The search as a path; Orthanc wants as little percent-encoding as possible."""
    keys = {word: value.replace("\\", ",") for word, value in asked.keys.items() if value}
    query = urllib.parse.urlencode(keys, quote_via=urllib.parse.quote, safe=unescaped)
    return f"/dicom-web/{RESOURCES[asked.level]}?{query}"


def by_qido(status: int, content: bytes, asked: Question) -> Any:
    if status >= 400:
        return status
    tag = {"STUDY": "0020000D", "SERIES": "0020000E", "IMAGE": "00080018"}[asked.level]
    return sorted(one[tag]["Value"][0] for one in (json.loads(content) if content else []))


def unexplained(differing: list[tuple[Question, Any, Any]], protocol: str) -> list[str]:
    """Differences that no class covers."""
    return [
        f"{asked}: Gantry {ours}, Orthanc {theirs}"
        for asked, ours, theirs in differing
        if not any(difference.covers(asked) for difference in DIFFERENCES if protocol in difference.protocols)
    ]


def test_c_find(home: Environment, settings: Settings, archive: None, other: tuple[int, int]) -> None:
    settings.DICOM_SERVICES = {"GANTRY": "studies.dimse.ArchiveServices"}
    differing = []
    with gantry(MAY_FIND) as port:
        for asked in questions(COUNT, seed=1):
            ours, theirs = by_c_find(port, "GANTRY", asked), by_c_find(other[0], "ORTHANC", asked)
            if ours != theirs:
                differing.append((asked, ours, theirs))
    left = unexplained(differing, "C-FIND")
    assert not left, "\n".join(left)


def test_qido(archive: None, other: tuple[int, int]) -> None:
    client: Client = client_of("viewer")
    differing = []
    for asked in questions(COUNT, seed=2):
        path = address(asked, unescaped="*?,^'[]")
        response = client.get(address(asked))
        ours = by_qido(response.status_code, response.content, asked)
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{other[1]}{path}", timeout=30) as answer:
                theirs = by_qido(answer.status, answer.read(), asked)
        except urllib.error.HTTPError as error:
            theirs = error.code
        if ours != theirs:
            differing.append((asked, ours, theirs))
    left = unexplained(differing, "QIDO-RS")
    assert not left, "\n".join(left)


def test_the_table_of_differences_is_in_the_docs() -> None:
    text = (Path(BASE_DIR) / "docs" / "queries.md").read_text()
    assert all(f"| {difference.name} | {difference.section} |" in text for difference in DIFFERENCES)
    assert len(re.findall(r"^\| .* \| PS3", text, re.MULTILINE)) >= len(DIFFERENCES)
