"""Ways to reach a destination: one module each, named by the destination's kind.

A transport is a function ``send(destination, batch)`` that yields an Outcome per delivery, in any order, as soon as it
is known, and raises PeerLost when the destination can take no more of them. Of a batch that is cut short by its lane,
what has not begun has no outcome (routing.batch).
"""
