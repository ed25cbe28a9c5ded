"""Pages of the DICOM network: the allowlist, and where devices listen."""
