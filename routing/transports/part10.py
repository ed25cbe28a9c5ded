"""The File Meta Information that a sent file begins with (PS3.10 7.1)."""

from dicomnet.part10 import file_meta_bytes
from dicomnet.scu.outgoing import Outgoing


def file_meta_of(outgoing: Outgoing) -> bytes:
    """Preamble, prefix and group 0002, made anew: from whom and from where it was received concerns nobody else.

    The same for each attempt, so that a file that was written before is recognised.
    """
    return file_meta_bytes(
        sop_class_uid=outgoing.sop_class_uid,
        sop_instance_uid=outgoing.sop_instance_uid,
        transfer_syntax_uid=outgoing.transfer_syntax_uid,
    )
