"""The WSGI application that gunicorn serves, with all that pages and the API need loaded before its workers begin."""

import os

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

from gateway import straight_door

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gateway.settings.base")

application = get_wsgi_application()

# Django would do this at the first request of each worker, who would wait for it and keep a copy of its own.
for urlconf in (None, straight_door.URLCONF):
    _ = get_resolver(urlconf).url_patterns
