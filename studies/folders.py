"""Folders that people name for Gantry to write to."""

import os
from pathlib import Path

from django.conf import settings
from django.utils.translation import gettext as _


def folder_problem(text: str) -> str:
    """What is wrong with a folder that was entered; empty when nothing is."""
    path = Path(text)
    if not path.is_absolute() or ".." in path.parts or not text.isprintable():
        return _("Enter the whole path of a folder on this machine, such as /mnt/archive/dicom.")
    if is_forbidden_folder(path):
        return _("Choose a folder outside of Gantry's own (GANTRY_HOME, GANTRY_STORAGE) and of the system's.")
    return ""


def is_forbidden_folder(path: Path) -> bool:
    """Gantry's own folders and those of the system: what is written there does harm."""
    real = Path(os.path.realpath(path))
    own = [Path(os.path.realpath(each)) for each in (settings.GANTRY.home, settings.GANTRY.storage, settings.BASE_DIR)]
    system = [Path("/") / name for name in ("bin", "boot", "dev", "etc", "lib", "proc", "sbin", "sys", "usr")]
    is_inside = any(real == each or each in real.parents for each in (*own, *system))
    return is_inside or any(real in each.parents for each in own)
