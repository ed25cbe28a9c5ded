"""The app of the DICOM network."""

from django.apps import AppConfig


class DicomnetConfig(AppConfig):
    """Allowlist, listener and calls to peers."""

    name = "dicomnet"
    verbose_name = "DICOM network"
