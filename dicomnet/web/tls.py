"""TLS of calls to web services."""

import ssl
from functools import lru_cache

from django.conf import settings

from dicomnet.tls import Reloading, TlsFiles, client_context


def context_of(*, shows_certificate: bool) -> ssl.SSLContext:
    """For https: the server's certificate is verified; Gantry's own is shown only where that is how it signs in.

    Raises:
        BadTlsFile: a file cannot be used.
    """
    files = settings.GANTRY.tls_files
    return _reloading(files if shows_certificate else TlsFiles(None, None, files.ca)).current()


@lru_cache(maxsize=2)
def _reloading(files: TlsFiles) -> Reloading:
    # Not shared with DICOM over TLS: HTTP's connections add a protocol's name to their context (RFC 7301).
    return Reloading(files, client_context)
