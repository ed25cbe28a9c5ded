"""Addresses under ``/dicom-web/span/<name>/``: those of the archive that read, and how the sources do."""

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import re_path

from spanner.dicomweb.federation import federation, root_of
from spanner.dicomweb.retrieve import brought, wado_uri
from spanner.dicomweb.search import search
from spanner.dicomweb.sources import sources
from studies.dicomweb.capabilities import described
from studies.dicomweb.door import door
from studies.dicomweb.instances import retrieve
from studies.dicomweb.urls import INSTANCE, READ_ONLY, SERIES, STUDY
from studies.query.keys import QueryLevel


def capabilities(request: HttpRequest, span: str) -> HttpResponseBase:
    """What this service can do (PS3.18 8.9)."""
    return described(request, urlpatterns, root_of(request, federation(span).name))


_studies, _series, _instances = (
    door(GET=search(level)) for level in (QueryLevel.STUDY, QueryLevel.SERIES, QueryLevel.IMAGE)
)
_retrieve = door(GET=brought(retrieve))

urlpatterns = [
    re_path(r"^$", door(GET=capabilities, OPTIONS=capabilities)),
    re_path(r"^sources/?$", door(GET=sources)),
    re_path(r"^wado/?$", door(GET=wado_uri)),
    re_path(r"^studies/?$", _studies),
    re_path(r"^series/?$", _series),
    re_path(r"^instances/?$", _instances),
    re_path(rf"^{STUDY}/series/?$", _series),
    re_path(rf"^{STUDY}/instances/?$", _instances),
    re_path(rf"^{SERIES}/instances/?$", _instances),
    re_path(rf"^{STUDY}/?$", _retrieve),
    re_path(rf"^{SERIES}/?$", _retrieve),
    re_path(rf"^{INSTANCE}/?$", _retrieve),
    *(re_path(address, door(GET=brought(view))) for address, view in READ_ONLY),
]
