"""Addresses under ``/dicom-web/`` (PS3.18 10.1.2)."""

from django.urls import re_path

from studies.dicomweb.door import door
from studies.dicomweb.frames import frames
from studies.dicomweb.instances import retrieve
from studies.dicomweb.metadata import metadata

UID = r"[0-9.]{1,64}"
STUDY = rf"studies/(?P<study>{UID})"
SERIES = rf"{STUDY}/series/(?P<series>{UID})"
INSTANCE = rf"{SERIES}/instances/(?P<instance>{UID})"

urlpatterns = [
    re_path(rf"^{STUDY}/?$", door(GET=retrieve), name="dicomweb-study"),
    re_path(rf"^{SERIES}/?$", door(GET=retrieve), name="dicomweb-series"),
    re_path(rf"^{INSTANCE}/?$", door(GET=retrieve), name="dicomweb-instance"),
    re_path(rf"^{STUDY}/metadata/?$", door(GET=metadata)),
    re_path(rf"^{SERIES}/metadata/?$", door(GET=metadata)),
    re_path(rf"^{INSTANCE}/metadata/?$", door(GET=metadata)),
    re_path(rf"^{INSTANCE}/frames/(?P<numbers>[^/]{{1,100000}})/?$", door(GET=frames)),
]
