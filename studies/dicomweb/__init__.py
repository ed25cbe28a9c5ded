"""DICOMweb over the archive: retrieve, store and capabilities (PS3.18), mounted at ``/dicom-web/``."""
