"""Pages of the DICOM network: the allowlist."""
