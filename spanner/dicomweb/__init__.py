"""A federation under an address of DICOMweb."""
