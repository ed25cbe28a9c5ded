"""Addresses under ``/dicom-web/`` (PS3.18 10.1.2)."""

from django.urls import re_path

from studies.dicomweb.bulkdata import bulkdata
from studies.dicomweb.capabilities import capabilities
from studies.dicomweb.door import View, door
from studies.dicomweb.frames import frames
from studies.dicomweb.instances import retrieve
from studies.dicomweb.metadata import metadata
from studies.dicomweb.qido import search
from studies.dicomweb.remove import remove
from studies.dicomweb.rendered import rendered, thumbnail
from studies.dicomweb.store import store
from studies.dicomweb.wado_uri import wado_uri
from studies.query.keys import QueryLevel

NUMBERS = r"(?P<numbers>[^/]{1,100000})"
WHERE = r"(?P<where>[0-9A-Fa-f]{8}(/[0-9]{1,6}/[0-9A-Fa-f]{8}){0,64})"
UID = r"[0-9.]{1,64}"
STUDY = rf"studies/(?P<study>{UID})"
SERIES = rf"{STUDY}/series/(?P<series>{UID})"
INSTANCE = rf"{SERIES}/instances/(?P<instance>{UID})"
# What is only read of what is stored, here and wherever else the archive's instances are given out.
READ_ONLY: tuple[tuple[str, View], ...] = (
    (rf"^{STUDY}/metadata/?$", metadata),
    (rf"^{SERIES}/metadata/?$", metadata),
    (rf"^{INSTANCE}/metadata/?$", metadata),
    (rf"^{INSTANCE}/frames/{NUMBERS}/?$", frames),
    (rf"^{INSTANCE}/frames/{NUMBERS}/rendered/?$", rendered),
    (rf"^{INSTANCE}/frames/{NUMBERS}/thumbnail/?$", thumbnail),
    (rf"^{INSTANCE}/rendered/?$", rendered),
    (rf"^{INSTANCE}/thumbnail/?$", thumbnail),
    (rf"^{SERIES}/thumbnail/?$", thumbnail),
    (rf"^{STUDY}/thumbnail/?$", thumbnail),
    (rf"^{INSTANCE}/bulkdata/{WHERE}/?$", bulkdata),
)
_series, _instances = (door(GET=search(level)) for level in (QueryLevel.SERIES, QueryLevel.IMAGE))

urlpatterns = [
    re_path(r"^$", door(GET=capabilities, OPTIONS=capabilities), name="dicomweb"),
    re_path(r"^wado/?$", door(GET=wado_uri), name="dicomweb-wado-uri"),
    re_path(r"^studies/?$", door(GET=search(QueryLevel.STUDY), POST=store), name="dicomweb-studies"),
    re_path(r"^series/?$", _series, name="dicomweb-search-series"),
    re_path(r"^instances/?$", _instances, name="dicomweb-search-instances"),
    re_path(rf"^{STUDY}/series/?$", _series),
    re_path(rf"^{STUDY}/instances/?$", _instances),
    re_path(rf"^{SERIES}/instances/?$", _instances),
    re_path(rf"^{STUDY}/?$", door(GET=retrieve, POST=store, DELETE=remove), name="dicomweb-study"),
    re_path(rf"^{SERIES}/?$", door(GET=retrieve, DELETE=remove), name="dicomweb-series"),
    re_path(rf"^{INSTANCE}/?$", door(GET=retrieve, DELETE=remove), name="dicomweb-instance"),
    *(re_path(address, door(GET=view)) for address, view in READ_ONLY),
]
