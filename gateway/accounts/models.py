"""Users and their role."""

from django.contrib.auth.models import AbstractUser
from django.db import models


class Role(models.TextChoices):
    """What a person may do; each includes the one before."""

    VIEWER = "viewer", "Viewer"
    OPERATOR = "operator", "Operator"
    ADMINISTRATOR = "administrator", "Administrator"


class User(AbstractUser):
    """A person who signs in. Holds the person's name and e-mail address, no patient data."""

    role = models.CharField(max_length=16, choices=Role, default=Role.VIEWER)

    @property
    def is_administrator(self) -> bool:
        """Administrators alone change the configuration and use Django admin."""
        return self.role == Role.ADMINISTRATOR or self.is_superuser
