"""Addresses of the searches under ``/dicom-web/`` (PS3.18 Table 10.6.1-1)."""

from django.urls import re_path

from studies.dicomweb.door import door
from studies.dicomweb.qido import search
from studies.query.keys import QueryLevel

UID = r"[0-9.]{1,64}"
STUDY = rf"studies/(?P<study>{UID})"
SERIES = rf"{STUDY}/series/(?P<series>{UID})"
_studies, _series, _instances = (
    door(GET=search(level)) for level in (QueryLevel.STUDY, QueryLevel.SERIES, QueryLevel.IMAGE)
)

urlpatterns = [
    re_path(r"^studies/?$", _studies, name="qido-studies"),
    re_path(r"^series/?$", _series, name="qido-series"),
    re_path(r"^instances/?$", _instances, name="qido-instances"),
    re_path(rf"^{STUDY}/series/?$", _series, name="qido-study-series"),
    re_path(rf"^{STUDY}/instances/?$", _instances, name="qido-study-instances"),
    re_path(rf"^{SERIES}/instances/?$", _instances, name="qido-series-instances"),
]
