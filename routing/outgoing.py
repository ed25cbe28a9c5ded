"""What is sent for a delivery: the stored file, as it is."""

from pathlib import Path

from dicomnet.scu.outgoing import Outgoing
from routing.models import Delivery
from studies.storage import hot_storage


def outgoing_of(delivery: Delivery) -> Outgoing:
    """The file that the delivery's destination gets."""
    instance = delivery.instance
    return Outgoing(
        path=Path(hot_storage().path(instance.location)),
        sop_class_uid=instance.sop_class_uid,
        sop_instance_uid=instance.sop_instance_uid,
        transfer_syntax_uid=instance.transfer_syntax_uid,
        data_set_offset=instance.data_set_offset,
        size_bytes=instance.size_bytes,
    )
