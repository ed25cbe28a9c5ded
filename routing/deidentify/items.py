"""Sequences that de-identification puts into a data set."""

from routing.elements import DataSet

Item = list[tuple[int, str, bytes]]  # its elements: tag, VR and value


def put_sequence(ds: DataSet, tag: int, items: list[Item]) -> None:
    """Put a new sequence of these items, each given by its elements."""
    encoded = []
    for elements in items:
        item = DataSet(ds.encoding, ds)
        for number, vr, value in elements:
            item.put(number, vr, value)
        encoded.append(b"".join(item.as_item()))
    ds.put(tag, "SQ", b"".join(encoded))
