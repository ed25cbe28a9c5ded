#!/usr/bin/env python
"""Run one of Gantry's commands; ``manage.py help`` lists them."""

import os
import sys


def main() -> None:
    """Hand over to Django; a wrong setting is one sentence, not a traceback."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gateway.settings.base")
    from django.core.management import execute_from_command_line

    from gateway.env import BadSetting

    try:
        execute_from_command_line(sys.argv)
    except BadSetting as error:
        sys.exit(f"Gantry cannot start: {error}")


if __name__ == "__main__":
    main()
