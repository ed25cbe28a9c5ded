"""What the editor of a rule's actions offers: kinds, and the fields of each."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ActionField:
    """One value of an action.

    Attributes:
        form: ``text``, ``attribute`` (with suggestions), ``list`` (separated by commas), or ``table`` (``old = new``).
        choices: when there are only these; of a list any number of them.
        is_optional: it may be left out.
    """

    name: str
    label: str
    placeholder: str = ""
    form: str = "text"
    choices: tuple[tuple[str, str], ...] = ()
    is_optional: bool = False


@dataclass(frozen=True)
class ActionKind:
    """One kind of action."""

    name: str
    label: str
    fields: tuple[ActionField, ...] = ()


_ATTRIBUTE = ActionField("attribute", "Attribute", "StudyDescription", "attribute")
_SYNTAXES = (
    ("JPEGLSLossless", "JPEG-LS, lossless"),
    ("JPEG2000Lossless", "JPEG 2000, lossless"),
    ("RLELossless", "RLE, lossless"),
    ("ExplicitVRLittleEndian", "not compressed"),
)
ACTION_KINDS = (
    ActionKind("set", "Set an attribute", (_ATTRIBUTE, ActionField("value", "Value", "new value"))),
    ActionKind("copy", "Copy an attribute", (ActionField("from", "From", "AccessionNumber", "attribute"), _ATTRIBUTE)),
    ActionKind("prefix", "Put before a value", (_ATTRIBUTE, ActionField("value", "Prefix", "EXT_"))),
    ActionKind("remove", "Remove an attribute", (_ATTRIBUTE,)),
    ActionKind(
        "map",
        "Replace by a table",
        (
            _ATTRIBUTE,
            ActionField("table", "Table", "OLD = NEW, OTHER = NEW2", "table"),
            ActionField(
                "default", "What is not listed", choices=(("keep", "keep"), ("remove", "remove")), is_optional=True
            ),
        ),
    ),
    ActionKind("new_uids", "Give new UIDs"),
    ActionKind(
        "deidentify",
        "De-identify",
        (
            ActionField("profile", "Profile", choices=(("basic", "Basic profile (PS3.15)"),), is_optional=True),
            ActionField("options", "Options", "options, separated by commas", "list"),
            ActionField("project", "Project", "project for pseudonyms"),
        ),
    ),
    ActionKind("compress", "Change the encoding", (ActionField("transfer_syntax", "Encoding", choices=_SYNTAXES),)),
    ActionKind("label", "Label the study", (ActionField("label", "Label", "research"),)),
    ActionKind("discard", "Discard: send it nowhere", (ActionField("reason", "Reason", "why, in words"),)),
)
