"""Studies as a file-set for exchange: a ZIP with DICOMDIR, made while it is sent (PS3.10, PS3.3 F)."""
