"""What only the first start makes: an administrator, and the right of this machine's programs to associate."""

import os
import secrets
from pathlib import Path

from django.contrib.auth import get_user_model
from django.db import transaction

from dicomnet.models import AllowlistEntry
from gateway.env import Environment
from gateway.supervisor.closing import SignIn

PASSWORD_FILE = "admin_password"  # noqa: S105 (a file's name)
