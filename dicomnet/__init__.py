"""The DICOM network: associations, services and the allowlist; it imports none of the other apps."""
