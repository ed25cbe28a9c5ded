"""Write a document: the same values make the same bytes."""

from typing import Any

import yaml

HEAD = """\
# The configuration of a Gantry gateway, for manage.py importconfig. A field that is left out has its usual value.
# Secrets are not in it: “kept” leaves the one of the gateway that reads this as it is.
"""


class _Dumper(yaml.SafeDumper):
    """Lists stand further in than what they belong to; nothing is written once for two places."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        """Always further in."""
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:
        """Readers take none."""
        return True


def dump(value: dict[str, Any]) -> str:
    """The document as text."""
    text: str = yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100_000)
    return HEAD + text
